"""Writes a backup archive of everything as a stream, whose length is computed before it begins."""

import hashlib
import os
import re
import secrets
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from whisper_appliance import __version__
from whisper_appliance.backups import age_format, database
from whisper_appliance.backups.archive_format import (
    AUTHORITY,
    CHECKSUMS,
    DATABASE,
    LARGE_FILES,
    MANIFEST,
    RECORDING_FOLDERS,
    SMALL_FILES,
    Manifest,
)
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import DiskFull
from whisper_appliance.storage.database import Database

CHUNK_BYTES = 256 * 1024
BLOCK = tarfile.BLOCKSIZE
STALE_SECONDS = 24 * 3600.0
SPARE_BYTES = 64 * 2**20
SNAPSHOT_NAME = re.compile(r"making-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the backup; the snapshot holds it unchanged until it is sent."""

    name: str
    path: Path
    size_bytes: int


class ArchiveWriter:
    """A context manager: takes a snapshot on entry, `chunks` are the archive, removes the snapshot on exit.

    The snapshot copies the database and hard-links audio, which takes no space; audio is copied if the disk
    has no hard links. Works beside a running appliance. Raises `DiskFull`, `DatabaseDamaged`, `Unavailable`.
    """

    def __init__(
        self,
        data_dir: Path,
        source: Database,
        *,
        storage: Path | None = None,
        passphrase: str | None = None,
        with_authority: bool = False,
        clock: Clock = now,
    ) -> None:
        """`source` is the database; `storage` is the folder of recordings, if that is a folder of its own.

        With a passphrase, the archive is encrypted in the age format. The key of the certificate authority
        is part of it only `with_authority`, because devices trust whatever that key signs.
        """
        self._data_dir = data_dir
        self._passphrase = passphrase
        self._with_authority = with_authority
        self._storage = storage or data_dir
        self._source = source
        self._clock = clock
        name = f"making-{secrets.token_hex(8)}"
        self._folder = data_dir / "backups" / name
        self._recordings = (
            self._storage / name if storage else self._folder
        )  # a hard link cannot leave its disk
        self._members: list[Member] = []
        self._manifest = b""
        self._opened = ExitStack()
        self.created = clock()

    @property
    def size_bytes(self) -> int:
        """The size of the archive."""
        sizes = [len(self._manifest), *(member.size_bytes for member in self._members), self._sums_bytes()]
        plain = sum(BLOCK + _padded_size(size) for size in sizes) + 2 * BLOCK
        return age_format.encrypted_size(plain) if self._passphrase else plain

    @property
    def name(self) -> str:
        """The file name of the archive."""
        return f"whisper-appliance-{self.created:%Y%m%d-%H%M%S}.tar{'.age' if self._passphrase else ''}"

    def __enter__(self) -> Self:
        return self.open()

    def open(self) -> Self:
        """Takes the snapshot. The caller has to call `close`."""
        with ExitStack() as opened:
            self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in {self._folder, self._recordings}:
                folder.mkdir(mode=0o700)
                opened.callback(shutil.rmtree, folder, ignore_errors=True)
            self._take_snapshot()
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Removes the snapshot."""
        self._opened.close()

    def chunks(self) -> Iterator[bytes]:
        """Yields the archive in pieces; to be called once."""
        plain = self._plain_chunks()
        return age_format.encrypt(plain, self._passphrase) if self._passphrase else plain

    def _plain_chunks(self) -> Iterator[bytes]:
        stamp = int(self.created.timestamp())
        sums = [f"{hashlib.sha256(self._manifest).hexdigest()}  {MANIFEST}\n"]
        yield _header(MANIFEST, len(self._manifest), stamp) + _pad(self._manifest)
        for member in self._members:
            yield _header(member.name, member.size_bytes, stamp)
            digest = hashlib.sha256()
            for chunk in _read(member):
                digest.update(chunk)
                yield chunk
            yield bytes(_padded_size(member.size_bytes) - member.size_bytes)
            sums.append(f"{digest.hexdigest()}  {member.name}\n")
        listed = "".join(sums).encode()
        yield _header(CHECKSUMS, len(listed), stamp) + _pad(listed) + bytes(2 * BLOCK)

    def _take_snapshot(self) -> None:
        self._add_files(
            self._storage, "uploads", self._recordings
        )  # first, because a job may end while the database is copied
        self._add_database()
        for name in ("secret.key", "model.json", "certificates"):
            self._add_files(self._data_dir, name, self._folder)
        for name in RECORDING_FOLDERS:
            self._add_files(self._storage, name, self._recordings)
        revision = database.revision(self._folder / DATABASE)
        self._manifest = Manifest(__version__, written(self.created), revision).to_bytes()

    def _add_database(self) -> None:
        target = self._folder / DATABASE
        if shutil.disk_usage(self._folder).free < database.size_bytes(self._source) + SPARE_BYTES:
            raise DiskFull(
                "There is too little free disk space for a copy of the database. Free at least its size."
            )
        database.copy(self._source, target, spare_bytes=SPARE_BYTES)
        self._members.append(Member(DATABASE, target, target.stat().st_size))

    def _add_files(self, folder: Path, name: str, target: Path) -> None:
        """Adds a file, or the files of a folder, that are part of a backup; not those still being written."""
        path = folder / name
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            self._add_file(file, file.relative_to(folder).as_posix(), target)

    def _add_file(self, path: Path, name: str, target: Path) -> None:
        small = SMALL_FILES.fullmatch(name) is not None
        if path.is_symlink() or not path.is_file() or not (small or LARGE_FILES.fullmatch(name)):
            return
        if name == AUTHORITY and not self._with_authority:
            return
        copy = target / name
        if copy.exists():
            return
        copy.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # deleted in the meantime
            _copy_file(path, copy) if small else _link_or_copy(path, copy)
            self._members.append(Member(name, copy, copy.stat().st_size))

    def _sums_bytes(self) -> int:
        names = [MANIFEST, *(member.name for member in self._members)]
        return sum(hashlib.sha256().digest_size * 2 + 2 + len(name) + 1 for name in names)


def remove_stale_snapshots(data_dir: Path, storage: Path, wall_clock: float | None = None) -> None:
    """Removes the snapshots of backups that were killed."""
    found = [path for folder in (data_dir / "backups", storage) for path in folder.glob("making-*")]
    snapshots = [path for path in found if SNAPSHOT_NAME.fullmatch(path.name)]
    for path in (*snapshots, *(data_dir / "backups").glob(f"*{database.PART}")):
        with suppress(OSError):
            if (wall_clock or time.time()) - path.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        _copy_file(source, target)


def _copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)


def _read(member: Member) -> Iterator[bytes]:
    """Reads as many bytes as its header has; an upload that is still being written may have grown."""
    left = member.size_bytes
    with member.path.open("rb") as file:
        while left and (chunk := file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
    if left:
        raise OSError(f"{member.name} became shorter while it was read")


def _header(name: str, size_bytes: int, stamp: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size_bytes, 0o600, stamp
    return info.tobuf(tarfile.GNU_FORMAT)


def _padded_size(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK) * BLOCK


def _pad(content: bytes) -> bytes:
    return content + bytes(_padded_size(len(content)) - len(content))
