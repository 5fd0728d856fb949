"""A hub on loopback: lists a repository and serves its files by range, as the real one does, or broken."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from whisper_appliance.models.checksums import git_blob_id_of, sha256_of

REVISION = "0123456789abcdef0123456789abcdef01234567"
_PIECE_BYTES = 64 * 1024


class HubStandIn:
    """Serves the folder as `repository`. The attributes make it misbehave, and record its requests."""

    def __init__(self, folder: Path, repository: str, revision: str) -> None:
        self.folder = folder
        self.repository = repository
        self.revision = revision
        self.address = ""
        self.ranges: list[tuple[str, int]] = []
        self.close_after_bytes: int | None = None
        self.closes_left = 0
        self.wrong_bytes = False
        self.other_checksum = False
        self.ignores_ranges = False
        self.let_go = threading.Event()
        self.let_go.set()
        self.reached_half = threading.Event()

    def siblings(self) -> list[dict[str, object]]:
        """The files as the API lists them; the weights are in LFS, the rest in git."""
        listed: list[dict[str, object]] = []
        for path in sorted(each for each in self.folder.rglob("*") if each.is_file()):
            entry: dict[str, object] = {
                "rfilename": str(path.relative_to(self.folder)),
                "size": path.stat().st_size,
            }
            entry["blobId"] = git_blob_id_of(path)
            if path.name == "model.bin":
                sha256 = "0" * 64 if self.other_checksum else sha256_of(path)
                entry["lfs"] = {"size": path.stat().st_size, "sha256": sha256, "pointerSize": 134}
            listed.append(entry)
        return listed


@contextmanager
def hub_stand_in(folder: Path, repository: str, revision: str = REVISION) -> Iterator[HubStandIn]:
    """A hub that serves this folder until the block ends."""
    hub = HubStandIn(folder, repository, revision)
    server = _Server(hub)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, hub: HubStandIn) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith(f"/api/models/{self.server.hub.repository}"):
            self.list_files()
        elif path.startswith(f"/{self.server.hub.repository}/resolve/{self.server.hub.revision}/"):
            self.serve(self.server.hub.folder / path.rsplit("/", 1)[1])
        else:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def list_files(self) -> None:
        info = {
            "id": self.server.hub.repository,
            "sha": self.server.hub.revision,
            "siblings": self.server.hub.siblings(),
            "tags": [],
        }
        self.answer(200, json.dumps(info).encode(), {"Content-Type": "application/json"})

    def serve(self, path: Path) -> None:
        content = path.read_bytes()
        if self.server.hub.wrong_bytes and path.name == "model.bin":
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = (
            0
            if self.server.hub.ignores_ranges
            else int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        )
        self.server.hub.ranges.append((path.name, start))
        self.send_response(200 if self.server.hub.ignores_ranges else 206)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.send_slowly(path.name, content, start)

    def send_slowly(self, name: str, content: bytes, start: int) -> None:
        sent = 0
        for at in range(start, len(content), _PIECE_BYTES):
            if name == "model.bin" and at >= len(content) // 2:
                self.server.hub.reached_half.set()
                self.server.hub.let_go.wait(30)
            closing = (
                self.server.hub.close_after_bytes is not None and sent >= self.server.hub.close_after_bytes
            )
            if name == "model.bin" and closing and self.server.hub.closes_left > 0:
                self.server.hub.closes_left -= 1
                self.close_connection = True
                self.connection.close()
                return
            self.wfile.write(content[at : at + _PIECE_BYTES])
            sent += _PIECE_BYTES

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""
