"""Storage usage of an owner: the bytes of recordings and transcripts, for the storage quota."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.library.recordings import stored_bytes
from whisper_appliance.storage.database import Connection, Database
from whisper_appliance.storage.schema.jobs import (
    ENDED_WITHOUT_TRANSCRIPT,
    UNFINISHED,
    UPLOAD_KEPT_HOURS,
    jobs,
)
from whisper_appliance.storage.schema.library import recordings, transcripts

CACHE_SECONDS = 30.0
MAX_CACHED_OWNERS = 1000


class StorageUsage:
    """Adds up archived recordings, stored uploads of jobs, and transcripts, the trash included."""

    def __init__(
        self,
        database: Database,
        audio_folder: Path,
        *,
        clock: Clock = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`audio_folder` holds the archived recordings, each named by the id of its transcript."""
        self._database = database
        self._audio_folder = audio_folder
        self._clock = clock
        self._monotonic = monotonic
        self._cached: dict[str, tuple[float, int]] = {}

    def used_by(self, owner: str) -> int:
        """Returns bytes. The size of archived recordings, a file each, is cached for half a minute."""
        query = sa.select(self._uploads(owner), self._text(owner))
        with self._database.read() as connection:
            uploads, text = connection.execute(query).one()
        return int(uploads or 0) + int(text or 0) + self._cached_audio(owner)

    def used_in(self, connection: Connection, owner: str) -> int:
        """As `used_by`, in the transaction of the caller: recordings count by what their rows hold."""
        kept = (
            sa.select(sa.func.sum(recordings.c.bytes)).join(transcripts).where(transcripts.c.owner == owner)
        )
        query = sa.select(self._uploads(owner), self._text(owner), kept.scalar_subquery())
        return sum(int(each or 0) for each in connection.execute(query).one())

    def _cached_audio(self, owner: str) -> int:
        cached = self._cached.get(owner)
        if cached and self._monotonic() - cached[0] < CACHE_SECONDS:
            return cached[1]
        if len(self._cached) >= MAX_CACHED_OWNERS:
            self._cached.clear()
        used = self._audio(owner)
        self._cached[owner] = (self._monotonic(), used)
        return used

    def _uploads(self, owner: str) -> "sa.ScalarSelect[Any]":
        kept_since = written(self._clock() - timedelta(hours=UPLOAD_KEPT_HOURS))
        is_kept = sa.and_(jobs.c.status.in_(ENDED_WITHOUT_TRANSCRIPT), jobs.c.finished >= kept_since)
        is_stored = sa.or_(jobs.c.status.in_(UNFINISHED), is_kept)
        query = sa.select(sa.func.sum(jobs.c.audio_bytes)).where(jobs.c.owner == owner, is_stored)
        return query.scalar_subquery()

    @staticmethod
    def _text(owner: str) -> "sa.ScalarSelect[Any]":
        query = sa.select(sa.func.sum(transcripts.c.bytes)).where(transcripts.c.owner == owner)
        return query.scalar_subquery()

    def _audio(self, owner: str) -> int:
        if not self._audio_folder.is_dir():
            return 0
        with self._database.read() as connection:
            names = connection.execute(sa.select(transcripts.c.id).where(transcripts.c.owner == owner))
            return sum(stored_bytes(self._audio_folder, name) for name in names.scalars())
