"""The way back: a backup is laid ready, and put in place while nothing runs. What was there is set aside.

Every move is a rename within the data folder, or done again from its beginning, and each can be interrupted:
the next start goes on with it.
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

from whisper_appliance.backups.archive_format import (
    DATABASE,
    DATABASE_NAMES,
    FULL_RESTORE_NAMES,
    RECORDING_FOLDERS,
)
from whisper_appliance.backups.archive_reader import ArchiveReader, Read
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, DiskFull, NotFound, Unavailable

NOTE = "restore.json"
MOVED_ASIDE = "moved-aside"

RestoreToServer = Callable[[Path, Path, bool], None]


@dataclass(frozen=True, slots=True)
class StagedBackup:
    """A backup that was read and checked: of everything, or (`whole` False) of the database alone."""

    whole: bool
    staged: str
    aside: str
    created: str = ""
    appliance: str = ""


class Restore:
    """What is laid ready in a data folder, and how it gets in place."""

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
        """`revisions` of the database that this version can use; `spare_bytes` of the disk are left free.

        `storage` is the folder of the recordings, if it is another one. Where the database is on a server,
        `into_server(file, aside, whole)` puts a file's rows there, and those it had into a file in the folder
        `aside`, whose name is that of the restore; called again for the same one, it does nothing.
        """
        self._data_dir = data_dir
        self._storage = storage or data_dir
        self._folder = data_dir / "restore"
        self._revisions = revisions
        self._into_server = restore_to_server
        self._spare_bytes = spare_bytes
        self._clock = clock
        self._reading = threading.Lock()

    def staged(self) -> StagedBackup | None:
        """What the next start will put in place."""
        with suppress(FileNotFoundError):
            return StagedBackup(**json.loads((self._folder / "ready" / NOTE).read_text()))
        return None

    def set_aside(self) -> tuple[Path, ...]:
        """What earlier restores put aside, newest first. It is never deleted by the appliance."""
        found = [path for base in {self._data_dir, self._storage} for path in (base / "set-aside").glob("*")]
        return tuple(sorted(found, key=lambda path: path.name, reverse=True))

    def stage(self, read: Read) -> StagedBackup:
        """Reads and checks a backup; the one that was ready before is dropped for it.

        Raises `InvalidRequest`, `DatabaseDamaged`, `DiskFull`, `Conflict` (another one is being read).
        """
        if not self._reading.acquire(blocking=False):
            raise Conflict("Another backup is being read just now.")
        try:
            with _disk_errors(), self._new_folder() as part:
                reader = ArchiveReader(read, part, revisions=self._revisions, spare_bytes=self._spare_bytes)
                reader.read_all()
                note = self._note(reader)
                self._finish(part, note)
                return note
        finally:
            self._reading.release()

    def discard(self) -> None:
        """Nothing will be put in place. Raises `NotFound` when nothing is ready."""
        if self.staged() is None:
            raise NotFound("No backup is laid ready.")
        self._remove(self._folder / "ready")

    def apply(self) -> Path | None:
        """Puts what is ready in place; returns the folder of what was set aside, None when nothing is ready.

        To be called while the data folder is locked and nothing of it is open. Raises `Unavailable`, and
        what `into_server` raises.
        """
        note = self.staged()
        if note is None:
            return None
        aside = self._data_dir / "set-aside" / note.aside
        try:
            self._swap(note, aside)
        except OSError as error:
            raise Unavailable(
                f"The backup in {self._folder} could not be put in place ({error}). Mend that and start "
                "again; it goes on where it stopped."
            ) from error
        return aside

    def _swap(self, note: StagedBackup, aside: Path) -> None:
        ready = self._folder / "ready"
        self._make_aside(self._data_dir, note.aside)
        if self._into_server and (ready / "files" / DATABASE).exists():
            self._into_server(ready / "files" / DATABASE, aside, note.whole)
            (ready / "files" / DATABASE).unlink()
        if not (ready / MOVED_ASIDE).exists():
            for name in FULL_RESTORE_NAMES if note.whole else DATABASE_NAMES:
                self._move_aside(name, note.aside)
            _sync(*{aside, self._storage / "set-aside" / note.aside, self._data_dir, self._storage})
            (ready / MOVED_ASIDE).touch()
            _sync(ready)
        for path in list((ready / "files").iterdir()):
            self._move_in(path)
        _sync(*{self._data_dir, self._storage})
        self._remove(ready)

    def _move_aside(self, name: str, aside: str) -> None:
        base = self._base(name)
        if (base / name).exists():
            (base / name).rename(self._make_aside(base, aside) / name)

    def _move_in(self, path: Path) -> None:
        base = self._base(path.name)
        if base == self._data_dir:
            path.rename(base / path.name)
            return
        folder = base / path.name
        folder.mkdir(exist_ok=True, mode=0o700)
        for file in list(path.iterdir()):  # another disk: each is left here until it is whole there
            part = folder / f"{file.name}.part"
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            shutil.copyfile(file, part)
            _sync(part)
            part.rename(folder / file.name)
            _sync(folder)
            file.unlink()
        give_to_owner_of(base, folder)
        path.rmdir()

    def _make_aside(self, base: Path, name: str) -> Path:
        for folder in (base / "set-aside", base / "set-aside" / name):
            folder.mkdir(exist_ok=True, mode=0o700)
            _give(base, folder)
        return folder

    def _base(self, name: str) -> Path:
        return self._storage if name in RECORDING_FOLDERS else self._data_dir

    def _note(self, reader: ArchiveReader) -> StagedBackup:
        manifest = reader.manifest
        moment = self._clock()
        return StagedBackup(
            whole=manifest is not None,
            staged=written(moment),
            aside=f"{moment:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}",
            created=manifest.created if manifest else "",
            appliance=manifest.appliance if manifest else "",
        )

    @contextmanager
    def _new_folder(self) -> Iterator[Path]:
        """Where the files go; whatever an earlier attempt left is gone."""
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

    def _finish(self, files: Path, note: StagedBackup) -> None:
        part = files.parent
        (part / NOTE).write_text(json.dumps(asdict(note)))
        give_to_owner_of(self._data_dir, part)
        _sync(part / NOTE, files, part)
        if (self._folder / "ready").exists():
            self._remove(self._folder / "ready")
        part.rename(self._folder / "ready")
        _sync(self._folder)

    def _remove(self, folder: Path) -> None:
        """In one step for whoever looks."""
        gone = self._folder / f"{secrets.token_hex(8)}.part"
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("The disk is full; nothing of the backup was used. Free some space.") from error
        raise


def give_to_owner_of(folder: Path, root: Path) -> None:
    """Makes a file, or all of a folder, that of a folder's owner.

    Root may restore for a service that runs as somebody else.
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
        with suppress(FileNotFoundError):  # nothing was set aside there
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
