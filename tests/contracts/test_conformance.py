"""Programs that people use work with the real program, as `dev.sh conformance` checks it for any server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.conformance import openai_clients, recorded, socket_clients
from benchmarks.conformance.__main__ import check_rows
from benchmarks.conformance.table import BEGIN, Result, write_readme
from benchmarks.conformance.target import CheckFailed, NotChecked, Row, Target, expect
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.program import Server, running

pytestmark = pytest.mark.slow  # starts the real program with a model

LEAN = ("OpenAI, JavaScript", "OpenAI, Python (asynchronous)", "Deepgram, Python")
"""Beside the recorded requests; tests of the other protocols have their clients already."""
ROWS = [
    row
    for row in (*recorded.ROWS, *openai_clients.ROWS, *socket_clients.ROWS)
    if row.kind == "recorded" or row.program in LEAN
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("conformance")
    (folder / "models").mkdir()
    (folder / "models" / "tiny.en").symlink_to(tiny_en)
    settings = {"CORS_ORIGINS": "app://obsidian.md", "MIN_FREE_DISK": "0"}
    with running(folder, folder / "models", "tiny.en", settings) as running_server:
        running_server.wait_for_model()
        yield running_server


@pytest.fixture(scope="module")
def target(server: Server, beckett: Path, tmp_path_factory: pytest.TempPathFactory) -> Target:
    chain = x509.load_pem_x509_certificates((server.data_dir / "certificates/server.pem").read_bytes())
    authority = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.write_bytes(chain[-1].public_bytes(Encoding.PEM))
    return Target(server.url, "any", "whisper-1", beckett, "fail better", server.trusting, authority)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.program}: {row.check}")
def test_the_client_program_works_with_the_server(row: Row, target: Target) -> None:
    try:
        row.run(target)
    except NotChecked as reason:
        pytest.skip(str(reason))


def test_a_row_that_fails_is_a_result_with_its_reason(target: Target) -> None:
    def fail(_target: Target) -> None:
        expect(False, "there is no text")

    def crash(_target: Target) -> None:
        raise OSError("refused")

    def skip(_target: Target) -> None:
        raise NotChecked("not installed")

    rows = [Row("a", "b", "client", run) for run in (fail, crash, skip, lambda _target: None)]
    results = list(check_rows(target, rows))
    assert [each.passed for each in results] == [False, False, None, True]
    assert [each.reason for each in results] == ["there is no text", "OSError: refused", "not installed", ""]


def test_words_that_are_missing_fail_a_row(target: Target) -> None:
    target.check_words("Try again. FAIL, better!")
    with pytest.raises(CheckFailed, match="fail better"):
        target.check_words("Ever tried.")


def test_the_readme_lists_programs_that_pass_in_every_row(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n<!-- end -->\nafter\n")
    rows = [Row("good", "text", "client", lambda _: None), Row("bad", "text", "recorded", lambda _: None)]
    write_readme([Result(rows[0], True), Result(rows[1], True), Result(rows[1], False)], readme)
    text = readme.read_text()
    assert "| good | text | the client itself |" in text
    assert "bad" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
