"""A web server on the loopback with a few files, and addresses that lead to others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FileServer(ThreadingHTTPServer):
    """`files` by path: type and content; `redirects` by path; `before`: called first, by path.

    `dripping`: by path, the beginning of an answer that goes on a byte at a time, without an end.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, tuple[str, bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.dripping: dict[str, bytes] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self.stopped = threading.Event()
        self.requested: list[str] = []

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        if before := self.server.before.pop(self.path, None):
            before()
        if self.path in self.server.dripping:
            self._drip(self.server.dripping[self.path])
            return
        location = self.server.redirects.get(self.path)
        kind, content = self.server.files.get(self.path, ("text/plain", b""))
        self.send_response(302 if location else 200 if content else 404)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _drip(self, beginning: bytes) -> None:
        self.wfile.write(beginning)
        with suppress(OSError):
            while not self.server.stopped.wait(0.01):
                self.wfile.write(b"a")

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def file_server() -> Iterator[FileServer]:
    """A server that runs."""
    server = FileServer()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()


def feed(title: str, *episodes: tuple[str, str]) -> bytes:
    """The RSS of a podcast with these titles and addresses."""
    items = "".join(
        f'<item><title>{name}</title><enclosure url="{url}" type="audio/wav" length="1"/>'
        "<pubDate>Sun, 29 Nov 2026 08:00:00 GMT</pubDate></item>"
        for name, url in episodes
    )
    channel = f"<channel><title>{title}</title>{items}</channel>"
    return f'<?xml version="1.0"?><rss version="2.0">{channel}</rss>'.encode()
