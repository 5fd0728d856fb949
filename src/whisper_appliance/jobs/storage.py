"""The files of the job queue: uploads, archived recordings, the id of this worker, and DBOS's SQLite file."""

import logging
import os
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from whisper_appliance.core.atomic_files import PART, move
from whisper_appliance.core.errors import BadSetting, NotFound, Unavailable
from whisper_appliance.jobs.job import Job
from whisper_appliance.library.recordings import (
    COPY,
    COPY_TYPE,
    NOT_MOUNTED,
    Recordings,
    remove_audio,
    remove_files,
)
from whisper_appliance.storage.database import Connection
from whisper_appliance.storage.schema.jobs import UPLOAD_KEPT_HOURS

ABANDONED_SECONDS = UPLOAD_KEPT_HOURS * 3600
STORAGE_NAME_SECONDS = 5.0
STORAGE_ID = "storage-id"
DISK_MARK = ".disk"
"""A file on a disk that is mounted in place of a folder, by which the folder is known again."""
WORKER_ID = "executor-id"

OnFinished = Callable[[Connection], None]
"""Called in the transaction that stores the transcript of a job."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobFolders:
    """The data folder of this worker, and the folder of recordings, which several workers may share.

    The folder of recordings can be on another disk, and so can its folders of uploads and kept recordings.
    """

    data_dir: Path
    recordings: Path
    _mounts: dict[Path, bool] = field(default_factory=dict, init=False)

    @property
    def is_shared(self) -> bool:
        """Whether the recordings are in a folder of their own."""
        return self.recordings != self.data_dir

    def prepare(self) -> None:
        """At a start: makes the missing folders, and remembers which of them are mounted disks.

        One that was a disk at an earlier start is missing if neither a disk nor its content is there.
        Raises `BadSetting` for a folder that cannot be made.
        """
        for folder in (self.recordings / "uploads", self.recordings / "audio"):
            try:
                folder.mkdir(exist_ok=True, mode=0o700)
                was_mount = self.data_dir / f"{folder.name}{DISK_MARK}"
                is_mount = folder.resolve().is_mount()
                if is_mount:
                    (folder / DISK_MARK).touch()
                    was_mount.touch()
            except OSError as error:  # such as a link to a disk that is not mounted
                raise BadSetting(
                    "The folder {folder} cannot be used ({strerror}). Mount it, or make it writable.",
                    folder=folder,
                    strerror=error.strerror,
                ) from error
            is_missing = was_mount.exists() and not (folder / DISK_MARK).exists()
            self._mounts[folder] = is_mount or is_missing

    def are_mounted(self) -> bool:
        """Returns whether all folders are there; one that was a mounted disk at the start must be one."""
        if self.is_shared and not is_mounted(self.recordings):
            return False
        return all(
            folder.is_dir() and (folder.resolve().is_mount() or not was_mount)
            for folder, was_mount in self._mounts.items()
        )

    def has_audio(self, audio: str) -> bool:
        """Returns whether a job's recording (a relative path) is here."""
        return (self.recordings / audio).is_file()

    def remove_decoded(self) -> None:
        """At a start: removes half decoded recordings."""
        shutil.rmtree(self.data_dir / "decoded", ignore_errors=True)
        (self.data_dir / "decoded").mkdir(parents=True, exist_ok=True)

    def remove_orphans(self, wanted: Callable[[], Iterable[str]], *, young: bool = False) -> None:
        """Removes uploads that are not among the wanted ones (relative paths), read after the folder.

        Those of the last day stay, because they may still be received. At a start, `young` ones are removed
        too, if no other worker shares the folder.
        """
        uploads = self.recordings / "uploads"
        oldest = time.time() - ABANDONED_SECONDS
        found = list(uploads.iterdir())
        keep = {uploads / DISK_MARK, *(self.recordings / path for path in wanted())}
        for path in found:
            with suppress(OSError):  # another worker has just removed it, or another user owns it
                is_old = (young and not self.is_shared) or path.stat().st_mtime < oldest
                if path in keep or not is_old:
                    continue
                if path.is_file():
                    path.unlink()
                elif path.suffix == PART:  # of a download
                    shutil.rmtree(path)


def _nothing_more(_connection: Connection) -> None:
    """For jobs whose recording is not kept."""


class JobAudio:
    """The recording of a job: its upload, and the archived recording that may replace it at the end."""

    def __init__(
        self,
        folder: Path,
        *,
        recordings: Recordings | None = None,
        keeps_original: Callable[[], bool] = lambda: True,
        is_mounted: Callable[[], bool] = lambda: True,
    ) -> None:
        """`folder` holds uploads and archived recordings; without `recordings` none is kept.

        `keeps_original`: whether a recording that is encoded is kept beside the encoded one.
        """
        self._folder = folder
        self._recordings = recordings
        self.keeps_original = keeps_original
        self.is_mounted = is_mounted

    def measure(self, path: Path) -> tuple[str, int]:
        """Returns the path of an upload relative to the folder, and its size in bytes.

        Raises `Unavailable` while the folder is not mounted, because the upload is in the wrong place then.
        """
        self.check_mounted()
        path = self._folder / path
        return str(path.relative_to(self._folder)), path.stat().st_size

    def check_mounted(self) -> None:
        """Raises `Unavailable` while the folder is not mounted."""
        if not self.is_mounted():
            raise Unavailable(NOT_MOUNTED)

    def find(self, job: Job) -> Path:
        """Returns the recording of a job. Raises `NotFound`."""
        for path in (self._folder / job.audio, self._archived(job)):
            if path.is_file():
                return path
        raise NotFound("The uploaded file is no longer there. Upload it again.")

    def archive(self, job: Job, peaks: bytes, media_type: str | None) -> OnFinished:
        """Stores the peaks, and moves the upload to the archived recordings, if its owner's are kept.

        Returns what stores the type of the archived recording, and when it is deleted, in the transaction
        that stores the transcript. Without a `media_type` that does nothing.
        """
        kept = self._recordings
        if kept is None or job.translation_of:  # the recording is that of another transcript, which has it
            return _nothing_more
        if peaks:
            kept.write_peaks(job.id, peaks)
        days = kept.days_for(job.owner)
        if days != 0 and (self._folder / job.audio).exists():
            self._archived(job).parent.mkdir(exist_ok=True)
            move(self._folder / job.audio, self._archived(job))  # the two folders may be on different disks
        if media_type is None or not self._archived(job).is_file():
            return _nothing_more
        return lambda connection: kept.insert(connection, job.id, media_type, kept.end_after(days))

    def encode(self, job: Job, encode: Callable[[Path, Path], None]) -> None:
        """Stores an encoded recording in place of an archived one, or as a copy to play beside it.

        `encode` writes the second file from the first. Raises its errors.
        """
        original = self._archived(job)
        if self._recordings is None or not original.is_file():
            return
        copy = original.with_name(original.name + COPY)
        encode(original, copy)
        if not self.keeps_original():
            copy.replace(original)
        try:
            self._recordings.set_type(job.id, COPY_TYPE)
        except NotFound:  # deleted while it was encoded
            remove_audio(original.parent, job.id)

    def remove_upload(self, job: Job) -> None:
        """Deletes the upload of a job."""
        (self._folder / job.audio).unlink(missing_ok=True)

    def remove(self, job: Job) -> None:
        """Deletes everything of a job that has no transcript."""
        self.remove_upload(job)
        remove_files(self._folder / "audio", [job.id])

    def is_there(self, job: Job) -> bool:
        """Whether the recording of the job is still stored, so that the job can be retried."""
        return (self._folder / job.audio).is_file() or self._archived(job).is_file()

    def _archived(self, job: Job) -> Path:
        return self._folder / "audio" / job.id  # a transcript has the id of its job


def worker_id(data_dir: Path) -> str:
    """Returns the id of the worker of this data folder; it is made once and stays the same."""
    path = data_dir / WORKER_ID
    if not path.exists():
        path.write_text(secrets.token_hex(8))
    return path.read_text().strip()


def storage_name(storage: Path) -> str:
    """Returns the name of a shared folder; workers with the same name share it, wherever it is mounted.

    Raises `BadSetting` if the folder is missing or cannot be written.
    """
    path = storage / STORAGE_ID
    try:
        tempfile.TemporaryFile(dir=storage).close()
        with suppress(FileExistsError), path.open("x") as file:
            file.write(secrets.token_hex(8))
            file.flush()
            os.fsync(file.fileno())
        deadline = time.monotonic() + STORAGE_NAME_SECONDS
        while not (name := path.read_text().strip()):  # another worker is writing it
            if time.monotonic() > deadline:
                raise BadSetting("{path} is empty. Remove it and start again.", path=path)
            time.sleep(0.05)
    except OSError as error:
        raise BadSetting(
            "STORAGE_URL: {storage} cannot be used ({strerror}). Mount it, or make it writable.",
            storage=storage,
            strerror=error.strerror,
        ) from error
    return name


def is_mounted(storage: Path) -> bool:
    """Returns whether a shared folder is mounted; if it is not, the folder is missing or empty."""
    return (storage / STORAGE_ID).is_file()


def prepare_queue_file(path: Path, timestamp: str) -> str:
    """Returns the URL of DBOS's SQLite file, in WAL mode.

    A damaged file is renamed, because all durable calls can be made again from the rows of the jobs.
    """
    try:
        _check(path)
    except sqlite3.OperationalError:
        raise  # locked or not writable, which is no damage
    except sqlite3.DatabaseError as error:
        damaged = path.with_name(f"{path.name}.damaged-{timestamp.replace(':', '')}")
        log.warning("The queue's file %s is damaged (%s) and was renamed to %s", path, error, damaged.name)
        path.rename(damaged)
        for leftover in ("-wal", "-shm"):
            path.with_name(path.name + leftover).unlink(missing_ok=True)
        _check(path)
    return f"sqlite:///{path}"


def _check(path: Path) -> None:
    connection = sqlite3.connect(path, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            raise sqlite3.DatabaseError(result)
    finally:
        connection.close()
