"""Requests that nobody sends by accident: each gets a calm answer, and costs no memory and no disk."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.faults import rows
from tests.support.live_client import settings_of
from tests.support.program import Server, served
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

PROGRAM = ("-m", "whisper_appliance", "serve")
MEBIBYTE = 2**20
SHAPE = {"code", "message", "field", "request_id"}
MODERATE_BYTES = 60 * MEBIBYTE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile")
    plenty = {"REQUESTS_PER_MINUTE": "0", "UPLOADS_PER_MINUTE": "0", "MAX_UPLOAD_SIZE": "4MB"}
    with served(folder, PROGRAM, **(settings_of(tiny_en, folder) | plenty)) as running:
        yield running


def memory(server: Server) -> int:
    """Of the web process, in bytes; engine and decoder are its children."""
    return max(child.memory_info().rss for child in psutil.Process(server.process.pid).children())


@pytest.fixture(autouse=True)
def all_is_as_before(server: Server) -> Iterator[None]:
    """Health, memory, disk and log, before and after."""
    assert server.get("/health")[0] == 200
    before = memory(server)
    yield
    folders = [server.folder / "data" / name for name in ("uploads", "decoded")]

    def left() -> set[str]:
        """Files of no job; the upload of a failed one is kept for a day."""
        failed = rows(server.folder, "SELECT id FROM jobs WHERE status = 'failed'")
        files = {path.name for folder in folders for path in folder.iterdir()}
        return files - {id for (id,) in failed}

    wait_until(lambda: not left(), reason=left)
    assert server.get("/health")[0] == 200
    assert memory(server) - before < MODERATE_BYTES
    assert "Traceback" not in (server.folder / "stderr").read_text()


def raw(server: Server, request: bytes) -> tuple[int, bytes]:
    """The status and the body of the answer to these bytes; 0 for none."""
    with server.connect() as connection:
        connection.settimeout(10)
        answer = b""
        try:
            connection.sendall(request)
            while chunk := connection.recv(65_536):
                answer += chunk
        except OSError:
            pass
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Set-Cookie: stolen" not in head
    return int(head.split()[1]) if head else 0, body


def refused(server: Server, request: bytes, *statuses: int) -> None:
    """It is answered with one of these, in the one shape, and tells nothing of the machine."""
    status, body = raw(server, request)
    assert status in statuses, (status, body[:300])
    assert set(json.loads(body)["error"]) == SHAPE
    for secret in (str(server.folder).encode(), b"Traceback", b"site-packages", b".py"):
        assert secret not in body


def post(body: bytes, content_type: str = "multipart/form-data; boundary=x") -> bytes:
    """POST /transcribe."""
    lines = ["POST /transcribe HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def part(disposition: bytes, content: bytes = b"noise", *headers: bytes) -> bytes:
    """One part of a form, and not its end."""
    lines = [b"--x", b"Content-Disposition: form-data; " + disposition, *headers, b"", content]
    return b"\r\n".join(lines) + b"\r\n"


END = b"--x--\r\n"
FILE = b'name="file"; filename="a.wav"'
ASYNC = part(b'name="async"', b"true")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (b"../../../../etc/passwd.wav", "passwd"),
        (b"..\\\\..\\\\secret\\\\talk.wav", "talk"),
        (b"/etc/shadow.wav", "shadow"),
        (b"a" * 10_000 + b".wav", "a" * 100),
        ("\u202egpj.exe \u0007\u001b[31mred.wav".encode(), "red"),
        ("Ünïcødé 会議 🎙️.wav".encode(), "Ünïcødé 会議"),
        (b"<script>alert(1)</script>.wav", "script"),
        (b"'; DROP TABLE jobs;--.wav", "DROP TABLE jobs"),
        (b"%2e%2e%2fx.wav", "x"),
        (b"CON.wav", "CON"),
        (b".wav.wav", "wav"),
    ],
)
def test_a_malicious_file_name_is_never_a_path(server: Server, name: bytes, title: str) -> None:
    status, body = raw(server, post(ASYNC + part(b'name="file"; filename="' + name + b'"') + END))
    assert status == 202, body
    said = json.loads(body)["title"]
    assert title in said
    assert len(said) <= 200
    assert not set(said) & set("/\\\0\r\n\x07\x1b\u202e") or said.startswith("<script>")


@pytest.mark.parametrize(
    "name",
    [b"a\0b.wav", b"a.wav\0.txt", b"", b".", b"..", b"\r\nSet-Cookie: stolen=1\r\n\r\n.wav", b"x" * 70_000],
)
def test_an_invalid_file_name_is_refused_or_cleaned(server: Server, name: bytes) -> None:
    status, body = raw(server, post(ASYNC + part(b'name="file"; filename="' + name + b'"') + END))
    assert status in (202, 400, 413, 415), body
    assert b"\\u0000" not in body


BODIES = {
    "no boundary": post(part(FILE) + END, "multipart/form-data"),
    "empty boundary": post(part(FILE) + END, "multipart/form-data; boundary="),
    "long boundary": post(part(FILE) + END, "multipart/form-data; boundary=" + "b" * 4_000),
    "odd boundary": post(part(FILE) + END, 'multipart/form-data; boundary="\xff\xfe(.*)+"'),
    "another boundary": post(part(FILE) + END, "multipart/form-data; boundary=y"),
    "no final boundary": post(part(FILE)),
    "nothing": post(b""),
    "only the end": post(END),
    "nested": post(
        part(b'name="file"', b'--y\r\nContent-Disposition: file; filename="a.wav"\r\n\r\nnoise\r\n--y--',
             b"Content-Type: multipart/mixed; boundary=y") + END
    ),
    "two files": post(part(FILE) + part(FILE) + END),
    "two names of the file": post(part(FILE) + part(b'name="audio"; filename="b.wav"') + END),
    "ten thousand parts": post(b"".join(part(b'name="f%d"' % n, b"x") for n in range(10_000)) + END),
    "a part with a header of a mebibyte": post(part(FILE, b"noise", b"X-A: " + b"a" * MEBIBYTE) + END),
    "a part with ten thousand headers": post(part(FILE, b"noise", *[b"X: a"] * 100_000) + END),
    "a field of a mebibyte": post(part(b'name="prompt"', b"p" * MEBIBYTE) + part(FILE) + END),
    "a field with a long name": post(part(b'name="' + b"n" * 5_000 + b'"', b"x") + part(FILE) + END),
    "a part without a name": post(part(b"") + END),
    "a part without anything": post(b"--x\r\n\r\nnoise\r\n" + END),
    "not utf-8": post(part(b'name="language"', b"\xff\xfe\xfd") + part(FILE) + END),
    "base64": post(part(b'name="prompt"; filename="p"', b"cA==", b"Content-Transfer-Encoding: base64") + END),
    "json": post(b"[" * 50_000, "application/json"),
    "form": post(b"file=a&" * 5_000, "application/x-www-form-urlencoded"),
    "no type": post(b"RIFF", ""),
}  # fmt: skip


@pytest.mark.parametrize("request_", BODIES.values(), ids=BODIES)
def test_a_malformed_form_is_refused(server: Server, request_: bytes) -> None:
    refused(server, request_, 400, 413, 415)


HEAD = b"Host: localhost\r\nConnection: close\r\n"
REQUESTS = {
    "no http": b"\x00\x01\x02\x03\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "version 9": b"GET / HTTP/9.9\r\n" + HEAD + b"\r\n",
    "a line of 100 KB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a header of 100 KB": b"GET / HTTP/1.1\r\n" + HEAD + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "a thousand headers": b"GET / HTTP/1.1\r\n" + HEAD + b"X-A: a\r\n" * 1_000 + b"\r\n",
    "a bad header": b"GET / HTTP/1.1\r\n" + HEAD + b"X A: a\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\n" + HEAD + b"X-A: a\r\n b\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\n" + HEAD + b"X-A: a\0b\r\n\r\n",
    "negative length": b"POST /transcribe HTTP/1.1\r\n" + HEAD + b"Content-Length: -5\r\n\r\n",
    "signed length": b"POST /transcribe HTTP/1.1\r\n" + HEAD + b"Content-Length: +5\r\n\r\nnoise",
    "two lengths": b"POST /transcribe HTTP/1.1\r\n" + HEAD
    + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nnoise",
    "length and chunks": b"POST /transcribe HTTP/1.1\r\n" + HEAD
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"POST /transcribe HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: braille\r\n\r\n",
    "a bad chunk": b"POST /transcribe HTTP/1.1\r\n" + HEAD
    + b"Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnoise\r\n",
    "an unknown method": b"BREW /transcribe HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a strange expectation": b"POST /transcribe HTTP/1.1\r\n" + HEAD
    + b"Expect: tea\r\nContent-Length: 0\r\n\r\n",
    "an address with NUL": b"GET /api/jobs/%00 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "an address that climbs": b"GET /static/v/../../../../etc/passwd HTTP/1.1\r\n" + HEAD
    + b"\r\n",
    "an address that climbs, encoded": b"GET /static/v/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\n" + HEAD
    + b"\r\n",
    "an address that is not utf-8": b"GET /api/transcripts/%ff%fe HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a deep body": b"PATCH /api/transcripts/" + b"0" * 32 + b" HTTP/1.1\r\n" + HEAD
    + b"Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n" + b"[" * 60_000,
    "a large body": b"PATCH /api/transcripts/" + b"0" * 32 + b" HTTP/1.1\r\n" + HEAD
    + b"Content-Type: application/json\r\nContent-Length: 200000\r\n\r\n" + b" " * 200_000,
    "a number that is none": b"PATCH /api/transcripts/" + b"0" * 32 + b" HTTP/1.1\r\n" + HEAD
    + b"Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"title\": NaN}",
    "an id with a surrogate": b"PATCH /api/transcripts/" + b"0" * 32 + b" HTTP/1.1\r\n" + HEAD
    + b"Content-Type: application/json\r\nContent-Length: 19\r\n\r\n{\"title\": \"\\ud800\"}",
}  # fmt: skip


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_malformed_request_is_refused(server: Server, request_: bytes) -> None:
    refused(server, request_, 400, 404, 405, 411, 413, 414, 415, 417, 431, 501, 505)


def test_a_second_request_hidden_in_a_body_is_not_answered(server: Server) -> None:
    hidden = b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = b"POST /transcribe HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % len(hidden)
    status, body = raw(server, request + hidden)
    assert status == 415
    assert body.count(b"HTTP/1.1") == 0


def test_a_client_that_promises_more_than_it_sends_leaves_nothing(server: Server) -> None:
    request = post(part(FILE, b"n" * MEBIBYTE)).replace(b"Content-Length: 1", b"Content-Length: 3", 1)
    with server.connect() as connection:
        connection.sendall(request)


def test_a_host_of_another_name_is_refused(server: Server) -> None:
    for path in (b"/api/status", b"/socket.io/?EIO=4&transport=polling"):
        request = b"GET %s HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n" % path
        refused(server, request, 421)
