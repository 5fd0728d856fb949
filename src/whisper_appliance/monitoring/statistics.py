"""Statistics of the library: hours of audio by day, language, model and source, and the speed."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import jobs
from whisper_appliance.storage.schema.library import transcripts

MOMENT_CHARS = 15
"""Of `2026-05-01T12:30:00.250Z`: ten minutes, the coarsest that days of nearly all time zones consist of."""


@dataclass(frozen=True, slots=True)
class TranscriptKind:
    """The language, model and source that transcripts are grouped by."""

    language: str
    model: str
    source: str


@dataclass(frozen=True, slots=True)
class Amount:
    """The number of transcripts, their audio, and the time spent on them."""

    count: int = 0
    audio_seconds: float = 0.0
    processing_seconds: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            self.count + other.count,
            self.audio_seconds + other.audio_seconds,
            self.processing_seconds + other.processing_seconds,
        )


@dataclass(frozen=True, slots=True)
class DayTotal:
    """The transcripts of one kind that were made on one day (`2026-05-01`)."""

    day: str
    kind: TranscriptKind
    amount: Amount


class Statistics:
    """Repository of statistics: counts transcripts, those in the trash included; never reads their words."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def by_day(self, zone: tzinfo, *, days: int | None = None) -> tuple[DayTotal, ...]:
        """Totals of the last `days` days in `zone`, today included (None: all), the oldest first."""
        since = None
        if days is not None:
            first = (self._clock().astimezone(zone) - timedelta(days=days - 1)).date()
            since = datetime.combine(first, time(), zone)
        totals: defaultdict[tuple[str, TranscriptKind], Amount] = defaultdict(Amount)
        for moment, kind, amount in self._counted(since):
            totals[_day(moment, zone), kind] += amount
        return tuple(
            DayTotal(day, kind, replace(amount, audio_seconds=round(amount.audio_seconds, 3)))
            for (day, kind), amount in sorted(totals.items(), key=lambda item: item[0][0])
        )

    def last_hours(self, hours: float) -> Amount:
        """All transcripts of the last hours."""
        column = transcripts.c
        question = sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(column.duration), 0.0),
            sa.func.coalesce(sa.func.sum(column.processing_seconds), 0.0),
        ).where(column.created >= self._ago(hours))
        with self._database.read() as connection:
            return Amount(*connection.execute(question).one())

    def failures(self, hours: float) -> dict[str, int]:
        """How many jobs of the last hours failed, by their error's code, the most frequent first."""
        number = sa.func.count().label("number")
        question = (
            sa.select(jobs.c.error_code, number)
            .where(jobs.c.status == "failed", jobs.c.finished >= self._ago(hours))
            .group_by(jobs.c.error_code)
            .order_by(number.desc(), jobs.c.error_code)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(question)}

    def _counted(self, since: datetime | None) -> list[tuple[str, TranscriptKind, Amount]]:
        column = transcripts.c
        moment = sa.func.substr(column.created, 1, MOMENT_CHARS).label("moment")
        parts = (moment, column.language, column.model, column.source)
        question = sa.select(
            *parts, sa.func.count(), sa.func.sum(column.duration), sa.func.sum(column.processing_seconds)
        ).group_by(*parts)
        if since is not None:
            question = question.where(column.created >= written(since))
        with self._database.read() as connection:
            rows = connection.execute(question).all()
        return [
            (row[0], TranscriptKind(row[1], row[2], row[3]), Amount(row[4], row[5], row[6])) for row in rows
        ]

    def _ago(self, hours: float) -> str:
        return written(self._clock() - timedelta(hours=hours))


def _day(moment: str, zone: tzinfo) -> str:
    """The day in `zone` of a prefix of ten minutes, `2026-05-01T12:3`."""
    begun = datetime.fromisoformat(moment + "0:00").replace(tzinfo=UTC)
    return begun.astimezone(zone).date().isoformat()
