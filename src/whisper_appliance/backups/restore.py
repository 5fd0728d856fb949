"""Restore of a backup: it is staged while the appliance runs, and applied at the next start.

The present files are moved to `set-aside` and stay there. Every step is a rename or can be repeated from its
beginning, so that an interrupted restore continues with the next start. A folder that is a mount of its own
is emptied and filled file by file.
"""

import errno
import json
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from whisper_appliance.backups import age_format
from whisper_appliance.backups.archive_format import (
    AUTHORITY,
    DATABASE,
    DATABASE_NAMES,
    FULL_RESTORE_NAMES,
    RECORDING_FOLDERS,
)
from whisper_appliance.backups.archive_reader import ArchiveReader, Read
from whisper_appliance.core.atomic_files import move, write_private
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, DiskFull, NotFound, Unavailable

NOTE = "restore.json"
MOVED_ASIDE = "moved-aside"
LOST_AND_FOUND = "lost+found"
"""Of a file system at its root, and readable by root only."""

RestoreToServer = Callable[[Path, Path, bool], None]


@dataclass(frozen=True, slots=True)
class StagedBackup:
    """A backup that was read and verified: of everything, or (`whole` False) of the database only."""

    whole: bool
    staged: str
    aside: str
    created: str = ""
    appliance: str = ""


class Restore:
    """Stages a backup in the data folder, and applies it."""

    def __init__(
        self,
        data_dir: Path,
        *,
        revisions: Sequence[str],
        spare_bytes: int,
        storage: Path | None = None,
        restore_to_server: RestoreToServer | None = None,
        clock: Clock = now,
    ) -> None:
        """`revisions` are those this version can read; `spare_bytes` of the disk stay free.

        `storage` is the folder of recordings, if that is a folder of its own. If the database is on a server,
        `restore_to_server(file, aside, whole)` replaces its rows by those of a file, and dumps the present
        ones to the folder `aside`, whose name identifies the restore; it does nothing when called again.
        """
        self._data_dir = data_dir
        self._storage = storage or data_dir
        self._folder = data_dir / "restore"
        self._revisions = revisions
        self._restore_to_server = restore_to_server
        self._spare_bytes = spare_bytes
        self._clock = clock
        self._reading = threading.Lock()

    def staged(self) -> StagedBackup | None:
        """Returns the backup that the next start will apply, None if there is none."""
        with suppress(FileNotFoundError):
            return StagedBackup(**json.loads((self._folder / "ready" / NOTE).read_text()))
        return None

    def set_aside(self) -> tuple[Path, ...]:
        """Returns the folders that earlier restores moved aside, newest first. They are never deleted."""
        found = [path for base in {self._data_dir, self._storage} for path in (base / "set-aside").glob("*")]
        return tuple(sorted(found, key=lambda path: path.name, reverse=True))

    def stage(self, read: Read, passphrase: str | None = None) -> StagedBackup:
        """Reads and verifies a backup; it replaces the one that was staged before.

        `passphrase` decrypts an encrypted one. Raises `InvalidRequest` (also for a missing or wrong
        passphrase), `DatabaseDamaged`, `DiskFull`, `Conflict` (another backup is being read).
        """
        if not self._reading.acquire(blocking=False):
            raise Conflict("Another backup is being read. Wait until that is done.")
        try:
            plain = age_format.decrypted(read, passphrase)
            with _disk_errors(), self._new_folder() as part:
                reader = ArchiveReader(plain, part, revisions=self._revisions, spare_bytes=self._spare_bytes)
                reader.read_all()
                staged = self._describe(reader)
                self._finish(part, staged)
                return staged
        finally:
            self._reading.release()

    def discard(self) -> None:
        """Discards the staged backup. Raises `NotFound` if there is none."""
        if self.staged() is None:
            raise NotFound("No backup is staged.")
        self._remove(self._folder / "ready")

    def apply(self) -> Path | None:
        """Applies the staged backup; returns the folder with the files moved aside, None if none is staged.

        To be called while the data folder is locked and no file of it is open. Raises `Unavailable`, and
        the errors of `restore_to_server`.
        """
        staged = self.staged()
        if staged is None:
            return None
        aside = self._data_dir / "set-aside" / staged.aside
        try:
            self._swap(staged, aside)
        except OSError as error:
            raise Unavailable(
                "The backup in {folder} could not be restored ({error}). Solve this and start "
                "again; the restore continues where it stopped.",
                folder=self._folder,
                error=error,
            ) from error
        return aside

    def _swap(self, staged: StagedBackup, aside: Path) -> None:
        ready = self._folder / "ready"
        self._make_aside(self._data_dir, staged.aside)
        if self._restore_to_server and (ready / "files" / DATABASE).exists():
            self._restore_to_server(ready / "files" / DATABASE, aside, staged.whole)
            (ready / "files" / DATABASE).unlink()
        if not (ready / MOVED_ASIDE).exists():
            for name in FULL_RESTORE_NAMES if staged.whole else DATABASE_NAMES:
                self._move_aside(name, staged.aside)
            _sync(*{aside, self._storage / "set-aside" / staged.aside, self._data_dir, self._storage})
            (ready / MOVED_ASIDE).touch()
            _sync(ready)
        for path in list((ready / "files").iterdir()):
            self._move_in(path)
        if staged.whole:
            self._keep_authority(aside)
        _sync(*{self._data_dir, self._storage})
        self._remove(ready)

    def _keep_authority(self, aside: Path) -> None:
        """Keeps the present authority, which devices trust, if the backup was made without one."""
        kept = self._data_dir / AUTHORITY
        if kept.exists() or not (aside / AUTHORITY).exists():
            return
        kept.parent.mkdir(exist_ok=True, mode=0o700)
        write_private(kept, (aside / AUTHORITY).read_bytes())
        give_to_owner_of(self._data_dir, kept.parent)

    def _move_aside(self, name: str, aside: str) -> None:
        base = self._base(name)
        if (base / name).exists():
            target = self._make_aside(base, aside) / name
            if not _renamed(base / name, target):
                _move_all(base / name, target)
                give_to_owner_of(base, target)

    def _move_in(self, path: Path) -> None:
        base = self._base(path.name)
        target = base / path.name
        if not _renamed(path, target):
            _move_all(path, target)
            path.rmdir()
        give_to_owner_of(base, target)

    def _make_aside(self, base: Path, name: str) -> Path:
        for folder in (base / "set-aside", base / "set-aside" / name):
            folder.mkdir(exist_ok=True, mode=0o700)
            _give(base, folder)
        return folder

    def _base(self, name: str) -> Path:
        return self._storage if name in RECORDING_FOLDERS else self._data_dir

    def _describe(self, reader: ArchiveReader) -> StagedBackup:
        manifest = reader.manifest
        staged_at = self._clock()
        return StagedBackup(
            whole=manifest is not None,
            staged=written(staged_at),
            aside=f"{staged_at:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}",
            created=manifest.created if manifest else "",
            appliance=manifest.appliance if manifest else "",
        )

    @contextmanager
    def _new_folder(self) -> Iterator[Path]:
        """Yields a new folder for the files, after removing what an earlier attempt left."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _give(self._data_dir, self._folder)
        for leftover in self._folder.glob("*.part"):
            shutil.rmtree(leftover, ignore_errors=True)
        part = self._folder / f"{secrets.token_hex(8)}.part"
        (part / "files").mkdir(parents=True, mode=0o700)
        try:
            yield part / "files"
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _finish(self, files: Path, staged: StagedBackup) -> None:
        part = files.parent
        (part / NOTE).write_text(json.dumps(asdict(staged)))
        give_to_owner_of(self._data_dir, part)
        _sync(part / NOTE, files, part)
        if (self._folder / "ready").exists():
            self._remove(self._folder / "ready")
        part.rename(self._folder / "ready")
        _sync(self._folder)

    def _remove(self, folder: Path) -> None:
        """Removes a folder in one step (by a rename first), so that no part of it is ever used."""
        gone = self._folder / f"{secrets.token_hex(8)}.part"
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _renamed(path: Path, target: Path) -> bool:
    """Renames a file or folder. False for a folder that is a mount, or is to be on another file system."""
    try:
        path.rename(target)
    except OSError as error:
        if not path.is_dir() or error.errno not in (errno.EXDEV, errno.EBUSY, errno.ENOTEMPTY):
            raise
        return False
    return True


def _move_all(folder: Path, target: Path) -> None:
    """Moves all that is in a folder to another; can be repeated from its beginning."""
    target.mkdir(exist_ok=True, mode=0o700)
    for path in list(folder.iterdir()):
        if path.name == LOST_AND_FOUND:
            continue
        if path.is_dir():
            _move_all(path, target / path.name)
            path.rmdir()
        else:
            move(path, target / path.name)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("The disk is full; nothing of the backup was used. Free some space.") from error
        raise


def give_to_owner_of(folder: Path, root: Path) -> None:
    """Gives a file, or all of a folder, to the owner of another folder.

    Because root may restore for a service that runs as another user.
    """
    _give(folder, root, *root.rglob("*"))


def _give(folder: Path, *paths: Path) -> None:
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for path in paths:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _sync(*paths: Path) -> None:
    for path in paths:
        with suppress(FileNotFoundError):  # nothing was moved aside there
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
