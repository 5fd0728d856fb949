"""A feed of releases on the loopback."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OURS = {
    "releases": [
        {"version": "0.2.0", "date": "2026-05-01", "notes": "Speakers.", "url": "https://example.org/0.2.0"},
        {"version": "0.10.0", "date": "2026-06-01", "notes": "Faster.", "url": "javascript:alert(1)"},
        {"version": "0.1.0", "date": "2026-04-01", "notes": "First.", "url": ""},
    ]
}


class Feed(ThreadingHTTPServer):
    """A server on the loopback that answers what the test wants."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.body = b""
        self.headers: dict[str, str] = {}
        self.requested: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/releases.json"


class _Handler(BaseHTTPRequestHandler):
    server: Feed

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        pass
