"""Checksums of files, computed once and remembered until the file changes."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_BLOCK_BYTES = 4 * 2**20
SHA256_DIGITS = 64
OnBytes = Callable[[int], None]


def sha256_of(path: Path, on_bytes: OnBytes | None = None) -> str:
    """The sha256 of a file as hexadecimal digits. `on_bytes` hears of each piece that was read."""
    with path.open("rb") as file:
        if on_bytes is None:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            on_bytes(len(block))
        return digest.hexdigest()


def git_blob_id_of(path: Path) -> str:
    """The name git gives to this content: how the hub publishes the checksum of small files."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether the file has this checksum: 64 digits are a sha256, 40 a git blob id."""
    return checksum == (sha256_of(path) if len(checksum) == SHA256_DIGITS else git_blob_id_of(path))


class Ledger:
    """Remembers the sha256 of files by path, size and time of change, in one small JSON file.

    Where that file cannot be written (models on a read-only volume) it remembers until the process ends.
    """

    def __init__(self, path: Path, compute: Callable[[Path], str] = sha256_of) -> None:
        self._path = path
        self._compute = compute
        self._lock = threading.Lock()
        self._entries: dict[str, dict[str, Any]] = read_json(path)

    def sha256(self, path: Path, *, again: bool = False, on_bytes: OnBytes | None = None) -> str:
        """The file's sha256: remembered unless the file changed or `again`. Takes seconds for large files."""
        key, stamp = str(path.resolve()), _stamp(path)
        entry = self._entries.get(key, {})
        if entry.get("stamp") == stamp and not again:
            return str(entry["sha256"])
        digest = sha256_of(path, on_bytes) if on_bytes else self._compute(path)
        self.remember(path, digest)
        return digest

    def matches(
        self, path: Path, checksum: str, *, again: bool = False, on_bytes: OnBytes | None = None
    ) -> bool:
        """The same as `has_checksum`, remembered where it is a sha256."""
        if len(checksum) == SHA256_DIGITS:
            return self.sha256(path, again=again, on_bytes=on_bytes) == checksum
        return has_checksum(path, checksum)

    def remember(self, path: Path, sha256: str) -> None:
        """Notes a checksum that was computed elsewhere, e.g. while the file was written."""
        with self._lock:
            self._entries[str(path.resolve())] = {"stamp": _stamp(path), "sha256": sha256}
            self._save()

    def _save(self) -> None:
        with suppress(OSError):
            write_json(
                self._path, {key: entry for key, entry in self._entries.items() if os.path.exists(key)}
            )


def write_json(path: Path, content: object) -> None:
    """Writes a JSON file so that a reader sees the old or the new content, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when there is none or it cannot be read."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
