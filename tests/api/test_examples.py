"""The examples of docs/examples.md run as they are written, against the real server over TLS."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.accounts import GOOD_PASSWORD
from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import ROOT, Server, environment, free_port, served
from tests.support.speech import silence, spoken

pytestmark = pytest.mark.slow  # starts the real program

PAGE = (ROOT / "docs/examples.md").read_text()
BLOCK = re.compile(r"^```(sh|python|js)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TALK, SPEECH = "one two three", "w1 w2 w3 w4 w5 w6 w7"


@dataclass(frozen=True)
class Example:
    """A block of code under a heading of the page."""

    heading: str
    language: str
    code: str

    @property
    def words(self) -> str:
        """What it must print."""
        return SPEECH if "speech.raw" in self.code else TALK


def examples() -> list[Example]:
    return [
        Example(heading, language, code)
        for heading, _, section in (part.partition("\n") for part in PAGE.split("\n## ")[1:])
        for language, code in BLOCK.findall(section)
    ]


@pytest.fixture(scope="module")
def wyoming_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path, wyoming_port: int) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("examples")
    given = {"ADMIN_PASSWORD": GOOD_PASSWORD, "WYOMING_PORT": str(wyoming_port)}
    with served(folder, LIVE_SERVER, **settings_of(tiny_en, folder), **given) as running:
        yield running


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    """An API key, made on the machine itself."""
    made = subprocess.run(
        [sys.executable, "-m", "whisper_appliance", "keys", "add", "admin", "Examples"],
        env=environment(server.folder), cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return made.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    """A working folder with the recordings and the certificate."""
    (tmp_path / "ca.crt").write_text(server.get("/ca.crt")[1])
    for name in ("talk.mp3", "lecture.mp3"):
        (tmp_path / name).write_text(TALK)
    (tmp_path / "speech.raw").write_bytes(spoken(1, 8) + silence(1))
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    return tmp_path


def command(example: Example, code: str) -> list[str]:
    if example.language == "sh":
        return ["bash", "-ec", code]
    if example.language == "python":
        return [sys.executable, "-c", code]
    node = shutil.which("node") or str(Path(sys.executable).with_name("node"))
    if not Path(node).is_file():
        pytest.skip("Node.js is not installed")
    return [node, "--input-type=module", "-e", code]


@pytest.mark.parametrize(
    "example", examples(), ids=lambda example: f"{example.heading} {example.language} {len(example.code)}"
)
def test_an_example_of_the_docs_prints_the_transcript(
    example: Example, server: Server, folder: Path, key: str, wyoming_port: int
) -> None:
    here = {
        "appliance.local:5001": f"localhost:{server.port}",
        '"appliance.local", 10300': f'"localhost", {wyoming_port}',
        '10300, "appliance.local"': f'{wyoming_port}, "localhost"',
        "wa_…": key,
    }
    code = example.code
    for written, value in here.items():
        code = code.replace(written, value)
    trusted = {"SSL_CERT_FILE": str(folder / "ca.crt"), "NODE_EXTRA_CA_CERTS": str(folder / "ca.crt")}
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command(example, code), env={**environment(folder, **trusted), "PATH": programs}, cwd=folder,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert example.words in " ".join(done.stdout.split()), done.stdout


@pytest.mark.parametrize("language", ["python", "js"])
def test_each_protocol_has_an_example_in_the_language(language: str) -> None:
    found = examples()
    assert {each.heading for each in found} == {each.heading for each in found if each.language == language}
