"""What people say, and the secrets that give access, are in no log, whatever its level."""

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live_client import settings_of
from tests.support.program import ROOT, Server, environment, served

pytestmark = pytest.mark.slow  # starts the real program

PASSWORD = "marker-password-of-the-owner"
KEY_OF_A_REQUEST = "marker-idempotency-key"
PROMPT = "marker prompt of a user"
TITLE = "marker title"
SCOPES = ("--scope", "transcribe", "--scope", "read", "--scope", "write")
SPOKEN = ("fail better", "ever tried", "try again")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path, beckett: Path) -> tuple[str, str, str]:
    """All that a talkative appliance wrote while it was used; the key of its user; and what was heard."""
    folder = tmp_path_factory.mktemp("secrecy")
    talkative = {"DEBUG_MODE": "true", "LOG_LEVEL": "DEBUG", "ADMIN_PASSWORD": PASSWORD}
    told = settings_of(tiny_en, folder) | talkative
    with served(folder, ("-m", "whisper_appliance", "serve"), **told) as server:
        key = re.findall(r"\S{30,}", _shell(folder, told, "keys", "add", "admin", "a program", *SCOPES))[-1]
        heard = _use(server, beckett, key)
        server.stop()
    files = [folder / "stderr", *(folder / "data" / "logs").glob("*")]
    return "\n".join(path.read_text(errors="replace") for path in files if path.is_file()), key, heard


def _shell(folder: Path, told: dict[str, str], *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "whisper_appliance", *arguments],
        env=environment(folder, **told), cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def _use(server: Server, recording: Path, key: str) -> str:
    """Transcribes, renames, searches, is refused, and fails to sign in."""
    connection = http.client.HTTPSConnection("localhost", server.port, context=server.trusting, timeout=120)

    def ask(
        method: str, path: str, body: bytes = b"", kind: str = "application/json", bearer: str = key
    ) -> bytes:
        headers = {
            "Content-Type": kind,
            "Authorization": f"Bearer {bearer}",
            "Idempotency-Key": KEY_OF_A_REQUEST,
        }
        connection.request(method, path, body, headers)
        return connection.getresponse().read()

    head = b"--x\r\nContent-Disposition: form-data; name="
    parts = [head + b'"prompt"\r\n\r\n' + PROMPT.encode()]
    parts += [head + b'"file"; filename="a.wav"\r\n\r\n' + recording.read_bytes()]
    form = b"\r\n".join([*parts, b"--x--\r\n"])
    made = json.loads(ask("POST", "/transcribe", form, "multipart/form-data; boundary=x"))
    ask("PATCH", f"/api/transcripts/{made['id']}", json.dumps({"title": TITLE}).encode())
    ask("GET", f"/api/transcripts?q={TITLE.split()[0]}")
    ask("GET", "/api/transcripts", bearer=key[:-1] + "x")
    ask("POST", "/api/session", json.dumps({"name": "admin", "password": PASSWORD + "x"}).encode())
    ask("PATCH", f"/api/transcripts/{made['id']}", b'{"title": 5, "marker": "' + TITLE.encode() + b'"}')
    connection.close()
    return str(made["text"])


def test_the_run_was_real_and_its_logs_are_full(logged: tuple[str, str, str]) -> None:
    log, _, heard = logged
    assert "again" in heard.lower()
    assert "/transcribe" in log
    assert len(log.splitlines()) > 20


def test_no_words_are_logged(logged: tuple[str, str, str]) -> None:
    log, _, heard = logged
    for said in (heard.strip()[:25], *SPOKEN, PROMPT, TITLE):
        assert said.lower() not in log.lower(), said


def test_no_secrets_are_logged(logged: tuple[str, str, str]) -> None:
    log, key, _ = logged
    for secret in (key, key[:-1], PASSWORD, KEY_OF_A_REQUEST):
        assert secret not in log, secret
