"""Usage counters (jobs, audio seconds, processing seconds for each owner, API key and day), and quotas."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import NotFound, QuotaReached, StorageQuotaReached
from whisper_appliance.core.text import format_bytes
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import keys, live_usage, usage, users

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

MONTHS_KEPT = 24
LIVE_COUNTED_SECONDS = 60.0
"""An open live session that was not counted for so long has ended without a transcript."""
NOTHING_PENDING: sa.ColumnElement[float] = sa.literal(0.0)

UsagePeriod = Literal["day", "month", "all"]
PERIOD_CHARS: dict[UsagePeriod, int] = {"day": 10, "month": 7, "all": 0}
"""How much of a day (2026-05-01) is the period."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits of one owner: audio minutes a month, stored bytes, waiting jobs. None: no limit."""

    minutes_per_month: float | None
    storage_bytes: int | None
    waiting_jobs: int


@dataclass(frozen=True, slots=True)
class UserQuota:
    """Limits set for one user. None: the default; 0 minutes or bytes: no limit."""

    minutes_per_month: float | None = None
    storage_bytes: int | None = None
    waiting_jobs: int | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The usage of one owner with one API key (`""`: without one) on one day."""

    day: str
    key_id: str
    jobs: int
    audio_seconds: float
    processing_seconds: float


@dataclass(frozen=True, slots=True)
class UsageLine:
    """The usage of one owner with one API key in one period. Names are empty if there is no such row now."""

    period: str
    owner: str
    owner_name: str
    key_id: str
    key_name: str
    jobs: int
    audio_seconds: float
    processing_seconds: float


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """The usage of one owner in this month, and in all months that are kept."""

    month_jobs: int = 0
    month_seconds: float = 0.0
    all_jobs: int = 0
    all_seconds: float = 0.0


class Usage:
    """Counts usage in a database and checks it against quotas."""

    def __init__(self, database: Database, *, defaults: Callable[[], Quota], clock: Clock = now) -> None:
        """`defaults` are the quotas of visitors, and of users without a quota of their own."""
        self._database = database
        self._defaults = defaults
        self._clock = clock

    def count(
        self,
        connection: sa.Connection,
        *,
        owner: str,
        key_id: str,
        jobs: int,
        audio_seconds: float,
        processing_seconds: float,
    ) -> None:
        """Adds to today's counter, inside the transaction that stores the transcript."""
        added = {"jobs": jobs, "audio_seconds": audio_seconds, "processing_seconds": processing_seconds}
        row = self._insert(usage).values(owner=owner, key_id=key_id, day=self._today(), **added)
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["owner", "key_id", "day"],
                set_={name: usage.c[name] + row.excluded[name] for name in added},
            )
        )

    def count_live(
        self,
        owner: str,
        seconds: Mapping[str, float],
        quota: Quota,
        pending: sa.ColumnElement[float] = NOTHING_PENDING,
    ) -> None:
        """Counts the seconds of an owner's open live sessions, by id, until their transcripts are stored.

        Raises `QuotaReached` if the minutes are used up with them; see `check_minutes`.
        """
        counted_at = written(self._clock())
        with self._database.write() as connection:
            for session_id, so_far in seconds.items():
                row = self._insert(live_usage).values(
                    session_id=session_id, owner=owner, seconds=so_far, counted_at=counted_at
                )
                changed = {name: row.excluded[name] for name in ("owner", "seconds", "counted_at")}
                connection.execute(row.on_conflict_do_update(index_elements=["session_id"], set_=changed))
        self.check_minutes(owner, pending, quota)

    def end_live(self, connection: sa.Connection, session_id: str) -> None:
        """Counts a live session no more, inside the transaction that stores its transcript."""
        connection.execute(live_usage.delete().where(live_usage.c.session_id == session_id))

    def _insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        if self._database.is_sqlite:
            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql  # slow, and not needed on SQLite

        return postgresql.insert(table)

    def rows_for(self, owner: str, *, since: str = "") -> tuple[UsageRow, ...]:
        """The usage of an owner for each day and key, newest first; `since` is an ISO date."""
        query = sa.select(usage).where(usage.c.owner == owner, usage.c.day >= since)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(usage.c.day.desc(), usage.c.key_id)).mappings()
            return tuple(UsageRow(**{name: row[name] for name in UsageRow.__slots__}) for row in rows)

    def report(self, by: UsagePeriod, *, since: str = "", until: str = "") -> tuple[UsageLine, ...]:
        """The usage of every owner and key by period, the latest first; `until` is included."""
        period = sa.func.substr(usage.c.day, 1, PERIOD_CHARS[by])
        owner_name, key_name = sa.func.coalesce(users.c.name, ""), sa.func.coalesce(keys.c.name, "")
        sums = [
            sa.func.sum(usage.c[name]).label(name) for name in ("jobs", "audio_seconds", "processing_seconds")
        ]
        groups = (period, usage.c.owner, owner_name, usage.c.key_id, key_name)
        joined = usage.outerjoin(users, users.c.id == usage.c.owner).outerjoin(
            keys, keys.c.id == usage.c.key_id
        )
        query = sa.select(*groups, *sums).select_from(joined).where(usage.c.day >= since).group_by(*groups)
        if until:
            query = query.where(usage.c.day <= until)
        query = query.order_by(period.desc(), owner_name, usage.c.owner, usage.c.key_id)
        with self._database.read() as connection:
            return tuple(UsageLine(*row) for row in connection.execute(query))

    def totals(self) -> dict[str, UsageTotals]:
        """The totals of every owner, by owner id."""
        this_month = usage.c.day >= self.month_start
        sums = [
            sa.func.sum(sa.case((this_month, usage.c.jobs), else_=0)),
            sa.func.sum(sa.case((this_month, usage.c.audio_seconds), else_=0.0)),
            sa.func.sum(usage.c.jobs),
            sa.func.sum(usage.c.audio_seconds),
        ]
        with self._database.read() as connection:
            rows = connection.execute(sa.select(usage.c.owner, *sums).group_by(usage.c.owner))
            return {
                row[0]: UsageTotals(int(row[1]), float(row[2]), int(row[3]), float(row[4])) for row in rows
            }

    def seconds_this_month(self, owner: str) -> float:
        """Audio seconds of an owner in this month."""
        query = sa.select(sa.func.sum(usage.c.audio_seconds))
        with self._database.read() as connection:
            found = connection.execute(query.where(usage.c.owner == owner, usage.c.day >= self.month_start))
            return float(found.scalar() or 0.0)

    def user_quota(self, owner: str, connection: sa.Connection | None = None) -> UserQuota:
        """The quota set for this user; read by the connection, if there is one."""
        names = [users.c[name] for name in UserQuota.__slots__]
        with nullcontext(connection) if connection else self._database.read() as connection:
            row = connection.execute(sa.select(*names).where(users.c.id == owner)).mappings().first()
        return UserQuota(**row) if row else UserQuota()

    def effective_quota(self, owner: str, connection: sa.Connection | None = None) -> Quota:
        """The quota that applies to an owner: their own limits, else the defaults."""
        own, usual = self.user_quota(owner, connection), self._defaults()
        minutes = usual.minutes_per_month if own.minutes_per_month is None else own.minutes_per_month
        stored = usual.storage_bytes if own.storage_bytes is None else own.storage_bytes
        waiting = usual.waiting_jobs if own.waiting_jobs is None else own.waiting_jobs
        return Quota(minutes or None, stored or None, waiting)

    def set_quota(self, user_id: str, quota: UserQuota) -> None:
        """Sets the quota of a user. Raises `NotFound`."""
        values = {name: getattr(quota, name) for name in UserQuota.__slots__}
        with self._database.write() as connection:
            if connection.execute(users.update().where(users.c.id == user_id).values(values)).rowcount == 0:
                raise NotFound("There is no such user.")

    def check_minutes(
        self,
        owner: str,
        pending: sa.ColumnElement[float] = NOTHING_PENDING,
        quota: Quota | None = None,
        connection: sa.Connection | None = None,
    ) -> None:
        """Raises `QuotaReached` when this month's minutes are used up. The owner `""` has no counter.

        `pending` is the audio of the owner's jobs that wait or run, in seconds. It counts as used, and so do
        open live sessions; all is read at one moment, because what ends moves from one sum to another.
        `quota` is that of the owner, if the caller has read it, `connection` that of its transaction.
        """
        limit = (quota or self.effective_quota(owner, connection)).minutes_per_month if owner else None
        if limit is None:
            return
        with nullcontext(connection) if connection else self._database.read() as connection:
            counted = connection.execute(sa.select(self._used(owner) + self._live(owner) + pending)).scalar()
        if float(counted or 0.0) >= limit * 60:
            raise QuotaReached(
                "Your {limit:g} minutes of this month are used up. They start again on "
                "{next_month}, or ask the administrator for more.",
                limit=limit,
                limit_name="minutes",
                next_month=self._next_month(),
                retry_after_seconds=self._seconds_to_next_month(),
            )

    def check_storage(
        self, owner: str, used_bytes: Callable[[], int], more_bytes: int = 0, quota: Quota | None = None
    ) -> None:
        """Raises `StorageQuotaReached` when `used_bytes() + more_bytes` exceed the quota.

        `quota` is that of the owner, if the caller has read it.
        """
        limit = (quota or self.effective_quota(owner)).storage_bytes if owner else None
        if limit is not None and used_bytes() + more_bytes > limit:
            raise StorageQuotaReached(
                "Your recordings and transcripts fill the {limit} you have. Delete some and "
                "empty the trash, or ask the administrator for more.",
                limit=format_bytes(limit),
                limit_name="storage",
            )

    def _used(self, owner: str) -> sa.ColumnElement[float]:
        this_month = sa.and_(usage.c.owner == owner, usage.c.day >= self.month_start)
        return _sum(usage.c.audio_seconds, this_month)

    def _live(self, owner: str) -> sa.ColumnElement[float]:
        oldest = written(self._clock() - timedelta(seconds=LIVE_COUNTED_SECONDS))
        return _sum(live_usage.c.seconds, live_usage.c.owner == owner, live_usage.c.counted_at > oldest)

    def delete_for(self, owner: str) -> None:
        """Deletes the counters of an owner who was removed."""
        with self._database.write() as connection:
            connection.execute(live_usage.delete().where(live_usage.c.owner == owner))
            connection.execute(usage.delete().where(usage.c.owner == owner))

    def delete_old(self) -> int:
        """Deletes counters older than `MONTHS_KEPT`, and those of ended live sessions; returns how many."""
        today = self._clock().astimezone(UTC)
        months = today.year * 12 + today.month - 1 - MONTHS_KEPT
        first = f"{months // 12:04}-{months % 12 + 1:02}-01"
        ended = live_usage.c.counted_at < written(self._clock() - timedelta(days=1))
        with self._database.write() as connection:
            connection.execute(live_usage.delete().where(ended))
            return connection.execute(usage.delete().where(usage.c.day < first)).rowcount

    @property
    def month_start(self) -> str:
        """The first day of this month (UTC), as an ISO date."""
        return self._today()[:8] + "01"

    def _today(self) -> str:
        return self._clock().astimezone(UTC).date().isoformat()

    def _first_of_next_month(self) -> datetime:
        today = self._clock().astimezone(UTC)
        year, month = (today.year + 1, 1) if today.month == 12 else (today.year, today.month + 1)
        return datetime(year, month, 1, tzinfo=UTC)

    def _next_month(self) -> str:
        return self._first_of_next_month().date().isoformat()

    def _seconds_to_next_month(self) -> float:
        return (self._first_of_next_month() - self._clock()).total_seconds()


def _sum(column: sa.ColumnElement[float], *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[float]:
    total = sa.select(sa.func.coalesce(sa.func.sum(column), 0.0)).where(*conditions)
    return total.scalar_subquery()
