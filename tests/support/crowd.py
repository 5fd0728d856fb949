"""Many connections from many addresses, kept open until the end of a test."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

from tests.support.https_client import BOUNDARY, form
from tests.support.program import Server

STALL_SECONDS = 3.0
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
UPGRADE += "dGhlIHNhbXBsZSBub25jZQ==\r\n"
SIGN_IN = "POST /api/session HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 60000"
UPLOAD = f"POST /transcribe HTTP/1.1\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}"


class Crowd:
    """Opens connections; all are closed with `opened`."""

    def __init__(self, server: Server, opened: ExitStack, *, behind_proxy: bool = False) -> None:
        """`behind_proxy`: all connections are a proxy's, which names the address in X-Forwarded-For."""
        self._server = server
        self._opened = opened
        self._behind_proxy = behind_proxy

    def send(self, address: str, head: str, body: bytes = b"", seconds: float = 30) -> ssl.SSLSocket:
        """A connection from this address that has sent a request; `body` begins with more headers."""
        source = "127.0.0.1" if self._behind_proxy else address
        raw = socket.create_connection(
            ("127.0.0.1", self._server.port), timeout=seconds, source_address=(source, 0)
        )
        self._opened.callback(raw.close)
        connection = self._server.trusting.wrap_socket(raw, server_hostname="localhost")
        self._opened.enter_context(closing(connection))
        forwarded = f"X-Forwarded-For: {address}\r\n" if self._behind_proxy else ""
        connection.sendall(f"{head}\r\nHost: localhost\r\n{forwarded}".encode() + body)
        return connection

    def open(self, address: str, head: str, headers: str = "") -> int:
        """The status of a request whose response goes on."""
        return status_of(self.send(address, head, f"{headers}\r\n".encode()))

    def stream(self, address: str, job: str) -> int:
        """The status of the events of a job."""
        return self.open(address, f"GET /api/jobs/{job}/events HTTP/1.1")

    def connect(self, address: str) -> int:
        """The status of a WebSocket."""
        return self.open(address, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", UPGRADE)

    def stall(self, address: str, count: int) -> Iterator[ssl.SSLSocket]:
        """Requests whose heads, or bodies, never end, until the server begins no other one."""
        with suppress(TimeoutError):
            for number in range(count):
                rest = b"X-A: b" if number % 2 and not self._behind_proxy else b"\r\n{"
                yield self.send(address, SIGN_IN, rest, STALL_SECONDS)

    def wait_for_words(self, address: str, words: str) -> ssl.SSLSocket:
        """An upload that waits for its transcript."""
        body = form(words.encode())
        return self.send(address, UPLOAD, f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


def status_of(connection: ssl.SSLSocket) -> int:
    """The status of the response that comes."""
    return int(connection.recv(12).split()[1])
