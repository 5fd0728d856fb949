"""Programs that people use work with the real program, as `dev.sh conformance` checks it for any server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.conformance import openai_clients, recorded, socket_clients
from benchmarks.conformance.__main__ import check_rows
from benchmarks.conformance.own_appliance import running_appliance
from benchmarks.conformance.table import BEGIN, Result, write_column, write_readme
from benchmarks.conformance.target import UNKNOWN_KEY, CheckFailed, NotChecked, Row, Target, expect

pytestmark = pytest.mark.slow  # starts the real program with a model

LEAN = (
    "OpenAI, JavaScript", "OpenAI, Python (asynchronous)", "Deepgram, Python", "Home Assistant (Wyoming)",
    "MCP clients",
)  # fmt: skip
"""Beside the recorded requests; tests of the other protocols have their clients already."""
ROWS = [
    row
    for row in (*recorded.ROWS, *openai_clients.ROWS, *socket_clients.ROWS)
    if row.kind == "recorded" or row.program in LEAN
]


@pytest.fixture(scope="module")
def target(tiny_en: Path, beckett: Path) -> Iterator[Target]:
    given = Target("", UNKNOWN_KEY, "whisper-1", beckett, "fail better")
    with running_appliance(given, "tiny.en", tiny_en) as own:
        yield own


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


def test_a_column_is_added_to_the_page_or_replaced(tmp_path: Path) -> None:
    page = tmp_path / "conformance.md"
    page.write_text(f"before\n{BEGIN}\n<!-- end -->\nafter\n")
    text, live = (Row("a", check, "client", lambda _: None) for check in ("text", "live"))
    write_column([Result(text, True), Result(live, False)], "ours", page)
    write_column([Result(text, True), Result(live, None)], "theirs", page)
    write_column([Result(text, True), Result(live, True)], "ours", page)
    assert page.read_text() == (
        f"before\n{BEGIN}\n"
        "| row | ours | theirs |\n| --- | --- | --- |\n"
        "| a: text | yes | yes |\n| a: live | yes | — |\n| rows that pass | 2 of 2 | 1 of 1 |\n"
        "<!-- end -->\nafter\n"
    )
