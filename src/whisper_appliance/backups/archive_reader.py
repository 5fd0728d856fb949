"""Reads a backup archive as hostile input: in one pass, with every name, size and checksum verified.

Only ordinary files with names of `archive_format` are accepted, and each is written to a new folder, so no
path, link or device of an archive has an effect. Nothing is compressed, so an archive takes no more space
than it has bytes.
"""

import hashlib
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from whisper_appliance.backups import archive_format, database
from whisper_appliance.backups.archive_format import CHECKSUMS, DATABASE, MANIFEST, Manifest
from whisper_appliance.core.errors import DiskFull, InvalidRequest

CHUNK_BYTES = 256 * 1024
DISK_CHECK_BYTES = 32 * 2**20
MAX_FILES = 500_000
MAX_CHECKSUMS_BYTES = 64 * 2**20
SUM_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")
NOT_OURS = "This file is not a backup of this appliance."
TRUNCATED = "This backup is incomplete: it ends too early, so nothing of it was used. Download it again."

Read = Callable[[int], bytes]


class ArchiveReader:
    """Reads one backup into a folder. `manifest` is None if it is only a copy of the database."""

    def __init__(self, read: Read, folder: Path, *, revisions: Sequence[str], spare_bytes: int) -> None:
        """`read(n)` returns up to n bytes, none at the end; `revisions` are those this version can read."""
        self._read = read
        self._folder = folder
        self._revisions = revisions
        self._spare_bytes = spare_bytes
        self._lookahead = b""
        self._unchecked_bytes = DISK_CHECK_BYTES
        self._sums: dict[str, str] = {}
        self.manifest: Manifest | None = None

    def read_all(self) -> None:
        """Reads the whole backup. Raises `InvalidRequest`, `DatabaseDamaged`, `DiskFull`."""
        self._lookahead = self._read_exactly(len(database.SQLITE_MAGIC), may_end=True)
        if self._lookahead == database.SQLITE_MAGIC:
            self._read_database()
        else:
            self._read_archive()
        database.check_revision(self._folder / DATABASE, self._revisions)

    def _read_database(self) -> None:
        with self._new(DATABASE) as file:
            while chunk := self._read_some(CHUNK_BYTES):
                self._check_free_space(len(chunk))
                file.write(chunk)

    def _read_archive(self) -> None:
        name, size = self._header() or ("", 0)
        if name != MANIFEST or size > archive_format.MAX_SMALL_FILE_BYTES:
            raise InvalidRequest(NOT_OURS)
        text = self._content(size)
        self.manifest = archive_format.read_manifest(text)
        self._sums[MANIFEST] = hashlib.sha256(text).hexdigest()
        while (header := self._header()) is not None and header[0] != CHECKSUMS:
            self._read_file(*header)
        if header is None:
            raise InvalidRequest(TRUNCATED)
        self._check_sums(header[1])
        if DATABASE not in self._sums:
            raise InvalidRequest("This backup holds no database. It was not used.")

    def _header(self) -> tuple[str, int] | None:
        """Returns name and size of the next file; None at the end."""
        block = self._read_exactly(tarfile.BLOCKSIZE)
        if not any(block):
            return None
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeError) as error:
            raise InvalidRequest(NOT_OURS if self.manifest is None else TRUNCATED) from error
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.size < 0:
            raise InvalidRequest("This archive holds entries that are not files. It was not used.")
        return info.name, info.size

    def _read_file(self, name: str, size: int) -> None:
        small = archive_format.SMALL_FILES.fullmatch(name) is not None
        if not (small or archive_format.LARGE_FILES.fullmatch(name)) or name in self._sums:
            raise InvalidRequest(
                "This archive holds a file that is not part of a backup ({name!r}).", name=name[:60]
            )
        if (small and size > archive_format.MAX_SMALL_FILE_BYTES) or len(self._sums) >= MAX_FILES:
            raise InvalidRequest("This archive holds more than a backup can have. It was not used.")
        digest = hashlib.sha256()
        left = size
        with self._new(name) as file:
            while left:
                chunk = self._read_exactly(min(CHUNK_BYTES, left))
                self._check_free_space(len(chunk))
                digest.update(chunk)
                file.write(chunk)
                left -= len(chunk)
        self._skip_padding(size)
        self._sums[name] = digest.hexdigest()

    def _check_sums(self, size: int) -> None:
        if size > MAX_CHECKSUMS_BYTES:
            raise InvalidRequest(NOT_OURS)
        lines = self._content(size).decode("utf-8", "replace").splitlines()
        listed = {found[2]: found[1] for line in lines if (found := SUM_LINE.fullmatch(line))}
        if listed != self._sums:
            raise InvalidRequest(
                "This backup is damaged: its checksums do not match. It was not used. Download it again."
            )

    def _content(self, size: int) -> bytes:
        text = self._read_exactly(size)
        self._skip_padding(size)
        return text

    def _skip_padding(self, size: int) -> None:
        self._read_exactly(-size % tarfile.BLOCKSIZE)

    def _read_exactly(self, size: int, *, may_end: bool = False) -> bytes:
        parts: list[bytes] = []
        left = size
        while left and (chunk := self._read_some(left)):
            parts.append(chunk)
            left -= len(chunk)
        if left and not may_end:
            raise InvalidRequest(TRUNCATED)
        return b"".join(parts)

    def _read_some(self, max_bytes: int) -> bytes:
        if self._lookahead:
            chunk, self._lookahead = self._lookahead[:max_bytes], self._lookahead[max_bytes:]
            return chunk
        return self._read(max_bytes)

    def _check_free_space(self, size: int) -> None:
        self._unchecked_bytes += size
        if self._unchecked_bytes >= DISK_CHECK_BYTES:
            self._unchecked_bytes = 0
            if shutil.disk_usage(self._folder).free < self._spare_bytes + DISK_CHECK_BYTES:
                raise DiskFull("There is too little free disk space for this backup. Free some first.")

    def _new(self, name: str) -> "_SyncedFile":
        path = self._folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return _SyncedFile(path)


class _SyncedFile:
    """A new file that only its owner can read; it is on disk when the block ends."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(path, flags, 0o600), "wb")

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def __enter__(self) -> "_SyncedFile":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()
