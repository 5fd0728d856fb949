"""Every place for requests that take long is taken: what takes a moment is still answered."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from tests.support.faults import Serve, rows
from tests.support.https_client import BOUNDARY, Visitor, form
from tests.support.program import Server
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

PLACES, EACH = 20, 10
LIMITS = {
    "MAX_EVENT_STREAMS": str(PLACES),
    "EVENT_STREAMS_PER_CLIENT": str(EACH),
    "MAX_WEBSOCKETS": str(PLACES),
    "MAX_WEBSOCKETS_PER_ADDRESS": str(EACH),
    "MAX_WAITING_REQUESTS": str(PLACES),
    "WAITING_REQUESTS_PER_CLIENT": str(EACH),
}
KINDS = ("event_streams", "waiting_requests", "sockets")
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
UPGRADE += "dGhlIHNhbXBsZSBub25jZQ==\r\n"


def others(kind: int) -> Iterator[str]:
    """For each place the address of the client that takes it."""
    return (f"127.0.{kind}.{1 + number // EACH}" for number in range(PLACES))


class Crowd:
    """Connections that are kept open until the end of the test."""

    def __init__(self, server: Server, opened: ExitStack) -> None:
        self._server = server
        self._opened = opened

    def send(self, address: str, head: str, body: bytes = b"") -> ssl.SSLSocket:
        """A connection from this address that has sent a request."""
        raw = socket.create_connection(
            ("127.0.0.1", self._server.port), timeout=30, source_address=(address, 0)
        )
        connection = self._server.trusting.wrap_socket(raw, server_hostname="localhost")
        self._opened.enter_context(closing(connection))
        connection.sendall(f"{head}\r\nHost: localhost\r\n".encode() + body)
        return connection

    def open(self, address: str, head: str, headers: str = "") -> int:
        """The status of a request whose response goes on."""
        connection = self.send(address, head, f"{headers}\r\n".encode())
        return int(connection.recv(12).split()[1])

    def wait_for_words(self, address: str, words: str) -> ssl.SSLSocket:
        """An upload that waits for its transcript."""
        body = form(words.encode())
        headers = (
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return self.send(address, "POST /transcribe HTTP/1.1", headers.encode() + body)


def test_with_every_long_lived_place_taken_the_rest_is_answered(serve: Serve, tmp_path: Path) -> None:
    with serve(**LIMITS) as server, ExitStack() as opened:
        visitor, crowd = Visitor(server), Crowd(server, opened)
        (tmp_path / "hold").touch()
        first = visitor.put("hold")

        stream = partial(crowd.open, head=f"GET /api/jobs/{first}/events HTTP/1.1")
        assert {stream(address) for address in others(1)} == {200}
        assert stream("127.0.1.1") == stream("127.0.9.1") == 429
        waiting = []
        for number, address in enumerate(others(3), 1):
            waiting.append(crowd.wait_for_words(address, f"hold w{number}"))
            wait_until(partial(_has_jobs, tmp_path, 1 + number))
        connect = partial(
            crowd.open, head="GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", headers=UPGRADE
        )
        assert {connect(address) for address in others(2)} == {101}

        taken = visitor.request("/metrics").body.decode()
        assert [kind for kind in KINDS if f'streams{{kind="{kind}"}} {PLACES}.0' not in taken] == []
        for path in ("/health", "/api/status", "/sign-in", "/api/transcripts", f"/api/jobs/{first}"):
            assert visitor.request(path).status == 200, path
        beside = visitor.send("said beside")
        assert beside.status == 202, "it gets the job, because nobody else may wait"
        (tmp_path / "hold").unlink()
        assert visitor.ended(beside.json["id"])["status"] == "done"
        assert {int(each.recv(12).split()[1]) for each in waiting} == {200}


def _has_jobs(folder: Path, count: int) -> bool:
    return rows(folder, "SELECT count(*) FROM jobs") == [(count,)]
