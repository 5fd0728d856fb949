"""Kept recordings: their files, the media type for browsers, and the end of their retention.

A transcript has up to three files in the folder: its recording, a copy if browsers cannot play that one, and
the peaks of its waveform, which stay when the recording is deleted.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.core.atomic_files import write_private
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import NotFound, Unavailable
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.ids import ID_PATTERN
from whisper_appliance.storage.database import Connection, Database
from whisper_appliance.storage.schema.jobs import UNFINISHED, UPLOAD_KEPT_HOURS, jobs
from whisper_appliance.storage.schema.library import recordings, transcripts

COPY, PEAKS = ".webm", ".peaks"
COPY_TYPE = "audio/webm"
NOT_PLAYABLE = ""
NOT_MOUNTED = N_("The folder of recordings is not mounted.")
FILE_NAME = re.compile(rf"({ID_PATTERN})(?:\.webm|\.peaks)?(?:\.part)?")
_SIGNATURES = (
    (0, b"RIFF", "audio/wav"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (4, b"ftyp", "audio/mp4"),
    (0, b"\x1aE\xdf\xa3", "audio/webm"),
)
"""How the start of a file shows its type; for recordings that were kept before their types were stored."""

DaysOf = Callable[[str], int | None]
"""For how many days a recording of this owner is kept: 0 for not at all, None for no end."""


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """A recording that is kept. Browsers can play it unless `media_type` is empty."""

    transcript_id: str
    media_type: str
    bytes: int
    delete_at: str | None


class Recordings:
    """The kept recordings of a folder and their rows in a database."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        days_of: DaysOf,
        clock: Clock = now,
        is_mounted: Callable[[], bool] = lambda: True,
    ) -> None:
        """`folder` holds files named by the ids of their transcripts, while it `is_mounted`."""
        self._database = database
        self._folder = folder
        self._days_of = days_of
        self._clock = clock
        self._is_mounted = is_mounted

    def days_for(self, owner: str) -> int | None:
        """For how many days a new recording of this owner is kept: 0 for not at all, None for no end."""
        return self._days_of(owner)

    def end_after(self, days: int | None) -> str | None:
        """When a recording that is kept for so many days is deleted; None: with its transcript."""
        return None if days is None else written(self._clock() + timedelta(days=days))

    def find(self, transcript_id: str) -> KeptRecording | None:
        """The kept recording of a transcript, if there is one."""
        query = sa.select(recordings).where(recordings.c.transcript_id == transcript_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return KeptRecording(**row) if row else None

    def get(self, transcript_id: str) -> KeptRecording:
        """The kept recording of a transcript. Raises `NotFound`, `Unavailable` if none is mounted."""
        found = self.find(transcript_id)
        if found is None:
            raise _not_kept()
        if not self.playable_file(transcript_id).is_file():
            self._check_mounted()
            raise _not_kept()
        return found

    def playable_file(self, transcript_id: str) -> Path:
        """The file for a browser: the playable copy, else the recording itself."""
        copy = self._folder / (transcript_id + COPY)
        return copy if copy.is_file() else self.file(transcript_id)

    def file(self, transcript_id: str) -> Path:
        """Where the recording is stored."""
        return self._folder / transcript_id

    def peaks(self, transcript_id: str) -> bytes:
        """The peaks of the waveform, in the format of `audio.peaks`. Raises `NotFound`."""
        try:
            return (self._folder / (transcript_id + PEAKS)).read_bytes()
        except FileNotFoundError:
            raise NotFound("There is no waveform of this transcript.") from None

    def write_peaks(self, transcript_id: str, peaks: bytes) -> None:
        """Stores the peaks of a waveform."""
        self._folder.mkdir(exist_ok=True)
        write_private(self._folder / (transcript_id + PEAKS), peaks)

    def add(self, transcript_id: str, media_type: str, delete_at: str | None) -> None:
        """Stores what is known of a recording whose file is in the folder, if its transcript is there."""
        with self._database.write() as connection:
            exists = sa.select(transcripts.c.id).where(transcripts.c.id == transcript_id).with_for_update()
            if connection.execute(exists).first():  # it may have been deleted in this moment
                self.insert(connection, transcript_id, media_type, delete_at)

    def insert(
        self, connection: Connection, transcript_id: str, media_type: str, delete_at: str | None
    ) -> None:
        """Does what `add` does, in the transaction that stores the transcript."""
        connection.execute(recordings.delete().where(recordings.c.transcript_id == transcript_id))
        size = stored_bytes(self._folder, transcript_id)
        values = {"media_type": media_type, "bytes": size, "delete_at": delete_at}
        connection.execute(recordings.insert().values(transcript_id=transcript_id, **values))

    def set_type(self, transcript_id: str, media_type: str) -> None:
        """Changes the type, and reads the size again, after a copy was made or the file was replaced."""
        self._update(transcript_id, media_type=media_type, bytes=stored_bytes(self._folder, transcript_id))

    def set_end(self, transcript_id: str, delete_at: str | None) -> None:
        """Changes when the recording is deleted. Raises `NotFound`."""
        self._update(transcript_id, delete_at=delete_at)

    def delete(self, transcript_id: str) -> None:
        """Deletes a recording for good; its transcript and its peaks stay.

        Raises `Unavailable` while the folder is not mounted, because the file would stay.
        """
        self._check_mounted()
        with self._database.write() as connection:
            connection.execute(recordings.delete().where(recordings.c.transcript_id == transcript_id))
        remove_audio(self._folder, transcript_id)

    def delete_expired(self) -> int:
        """Deletes the recordings whose retention has ended; returns their number.

        Raises `Unavailable` while the folder is not mounted.
        """
        self._check_mounted()
        ended = recordings.c.delete_at <= written(self._clock())
        with self._database.write() as connection:
            deleted = recordings.delete().where(ended).returning(recordings.c.transcript_id)
            ids = connection.execute(deleted).scalars().all()
        for transcript_id in ids:
            remove_audio(self._folder, transcript_id)
        return len(ids)

    def reconcile(self) -> None:
        """Gives rows to recordings without one, and deletes old files that belong to no transcript or job.

        Older versions stored no rows, and a crash may leave a file without one.
        """
        files: dict[str, list[Path]] = {}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if name := FILE_NAME.fullmatch(path.name):
                files.setdefault(name[1], []).append(path)
        with self._database.read() as connection:
            stored = set(connection.execute(sa.select(transcripts.c.id)).scalars())
            with_row = set(connection.execute(sa.select(recordings.c.transcript_id)).scalars())
            in_use = sa.select(jobs.c.id).where(jobs.c.status.in_(UNFINISHED))
            unfinished = set(connection.execute(in_use).scalars())
        for transcript_id, paths in files.items():
            if transcript_id in stored:
                if transcript_id not in with_row and self.file(transcript_id) in paths:
                    self.add(transcript_id, _type_by_content(self.file(transcript_id)), None)
                self._remove_old(path for path in paths if path.suffix == ".part")
            elif transcript_id not in unfinished:
                self._remove_old(paths)

    def _remove_old(self, paths: Iterable[Path]) -> None:
        oldest = (self._clock() - timedelta(hours=UPLOAD_KEPT_HOURS)).timestamp()
        for path in paths:
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _update(self, transcript_id: str, **values: str | int | None) -> None:
        changed = recordings.update().where(recordings.c.transcript_id == transcript_id).values(**values)
        with self._database.write() as connection:
            if connection.execute(changed).rowcount == 0:
                raise _not_kept()

    def _check_mounted(self) -> None:
        if not self._is_mounted():
            raise Unavailable(NOT_MOUNTED)


def _not_kept() -> NotFound:
    return NotFound("The recording of this transcript is not kept.")


def remove_audio(folder: Path, transcript_id: str) -> None:
    """Deletes the recording of a transcript and its copy, but not the peaks."""
    for ending in ("", COPY):
        (folder / (transcript_id + ending)).unlink(missing_ok=True)


def remove_files(folder: Path, transcript_ids: Iterable[str]) -> None:
    """Deletes all files of these transcripts."""
    for transcript_id in transcript_ids:
        for path in _files(folder, transcript_id):
            path.unlink(missing_ok=True)


def stored_bytes(folder: Path, transcript_id: str) -> int:
    """The size of all files of a transcript."""
    size = 0
    for path in _files(folder, transcript_id):
        with suppress(OSError):
            size += path.stat().st_size
    return size


def _files(folder: Path, transcript_id: str) -> tuple[Path, ...]:
    return tuple(folder / (transcript_id + ending) for ending in ("", COPY, PEAKS))


def _type_by_content(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    return next((kind for at, value, kind in _SIGNATURES if head.startswith(value, at)), NOT_PLAYABLE)
