"""A receiver of webhooks on the loopback, which answers what the test wants."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.certificates import Made


@dataclass(frozen=True)
class Message:
    """A request that arrived."""

    path: str
    headers: dict[str, str]
    body: str


class Receiver(ThreadingHTTPServer):
    """Keeps every request. `statuses` are for the next ones; after them, and by default, it answers 204."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[Message] = []
        self.statuses: list[int] = []
        self.location = ""
        self.trickles = False
        self.go_on = threading.Event()
        self.go_on.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?token=of-the-url"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.messages.append(Message(self.path, dict(self.headers), body))
        self.server.go_on.wait(10)
        while self.server.trickles:
            try:
                self.wfile.write(b"H")
            except OSError:
                return
            time.sleep(0.02)
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def receiver(certificate: Made | None = None, folder: Path | None = None) -> Iterator[Receiver]:
    """A receiver that runs; with a certificate, over TLS."""
    server = Receiver()
    if certificate and folder:
        file = folder / "receiver.pem"
        file.write_bytes(certificate.pem + certificate.key_pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.trickles = False
        server.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
