"""Checksums of files (SHA-256, git blob id), and a cache of them that is valid until the file changes."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from whisper_appliance.core.atomic_files import write_json

_BLOCK_BYTES = 4 * 2**20
SHA256_DIGITS = 64
OnBytes = Callable[[int], None]


def sha256_of(path: Path, on_bytes: OnBytes | None = None) -> str:
    """The SHA-256 of a file in hexadecimal digits. `on_bytes` is called with the size of each block read."""
    with path.open("rb") as file:
        if on_bytes is None:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            on_bytes(len(block))
        return digest.hexdigest()


def git_blob_id_of(path: Path) -> str:
    """The git blob id of a file, which the hub publishes as the checksum of small files."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether the file has this checksum: 64 digits are a SHA-256, 40 a git blob id."""
    return checksum == (sha256_of(path) if len(checksum) == SHA256_DIGITS else git_blob_id_of(path))


class ChecksumCache:
    """Caches the SHA-256 of files by path, size and modification time, in one small JSON file.

    If that file cannot be written (models on a read-only volume), the cache lasts until the process ends.
    """

    def __init__(self, path: Path, compute: Callable[[Path], str] = sha256_of) -> None:
        self._path = path
        self._compute = compute
        self._lock = threading.Lock()
        self._entries: dict[str, dict[str, Any]] = read_json(path)

    def sha256(self, path: Path, *, again: bool = False, on_bytes: OnBytes | None = None) -> str:
        """The file's SHA-256, cached unless the file changed or `again`. Takes seconds for large files."""
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
        """The same as `has_checksum`; a SHA-256 is cached."""
        if len(checksum) == SHA256_DIGITS:
            return self.sha256(path, again=again, on_bytes=on_bytes) == checksum
        return has_checksum(path, checksum)

    def remember(self, path: Path, sha256: str) -> None:
        """Caches a checksum that was computed elsewhere, such as while the file was written."""
        with self._lock:
            self._entries[str(path.resolve())] = {"stamp": _stamp(path), "sha256": sha256}
            self._save()

    def _save(self) -> None:
        with suppress(OSError):
            write_json(
                self._path, {key: entry for key, entry in self._entries.items() if os.path.exists(key)}
            )


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if the file is missing or damaged."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
