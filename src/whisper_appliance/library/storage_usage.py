"""How much of the disk somebody's recordings and transcripts take."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import UNFINISHED, jobs
from whisper_appliance.storage.schema.library import transcripts

CACHE_SECONDS = 30.0
MAX_CACHED_OWNERS = 1000


class StorageUsage:
    """Counts kept recordings, uploads that wait, and text, the trash included."""

    def __init__(
        self, database: Database, audio_folder: Path, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`audio_folder` is where kept recordings lie, each under the id of its transcript."""
        self._database = database
        self._audio_folder = audio_folder
        self._monotonic = monotonic
        self._cached: dict[str, tuple[float, int]] = {}

    def used_by(self, owner: str) -> int:
        """Bytes; those of kept recordings, which have to be looked at one by one, as of half a minute ago."""
        return self._uploads(owner) + self._text(owner) + self._audio_lately(owner)

    def _audio_lately(self, owner: str) -> int:
        seen = self._cached.get(owner)
        if seen and self._monotonic() - seen[0] < CACHE_SECONDS:
            return seen[1]
        if len(self._cached) >= MAX_CACHED_OWNERS:
            self._cached.clear()
        used = self._audio(owner)
        self._cached[owner] = (self._monotonic(), used)
        return used

    def _uploads(self, owner: str) -> int:
        waiting = sa.select(sa.func.sum(jobs.c.audio_bytes)).where(
            jobs.c.owner == owner, jobs.c.status.in_(UNFINISHED)
        )
        return self._sum(waiting)

    def _text(self, owner: str) -> int:
        return self._sum(sa.select(sa.func.sum(transcripts.c.bytes)).where(transcripts.c.owner == owner))

    def _audio(self, owner: str) -> int:
        if not self._audio_folder.is_dir():
            return 0
        with self._database.read() as connection:
            ids = connection.execute(sa.select(transcripts.c.id).where(transcripts.c.owner == owner))
            return sum(_size(self._audio_folder / id) for id in ids.scalars())

    def _sum(self, question: "sa.Select[tuple[Any]]") -> int:
        with self._database.read() as connection:
            return int(connection.execute(question).scalar() or 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
