"""What everyone used: jobs, seconds of audio and of processing, by owner, key and day; and their quotas."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from whisper_appliance.core.clock import Clock, now
from whisper_appliance.core.errors import NotFound, QuotaReached, StorageQuotaReached
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.accounts import usage, users

MONTHS_KEPT = 24


@dataclass(frozen=True, slots=True)
class Quota:
    """What one owner may use: minutes of audio a month, bytes kept, jobs that wait. None: no limit."""

    minutes_per_month: float | None
    storage_bytes: int | None
    waiting_jobs: int


@dataclass(frozen=True, slots=True)
class OwnQuota:
    """What was set for one user in place of the defaults; None: the default, 0 minutes or bytes: no limit."""

    minutes_per_month: float | None = None
    storage_bytes: int | None = None
    waiting_jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What was used: of one day and key, or added up."""

    day: str
    key_id: str
    jobs: int
    audio_seconds: float
    processing_seconds: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What one owner used this month and since counting began."""

    month_jobs: int = 0
    month_seconds: float = 0.0
    all_jobs: int = 0
    all_seconds: float = 0.0


class Usage:
    """The counters in a database, and the quotas they are held against."""

    def __init__(self, database: Database, *, defaults: Callable[[], Quota], clock: Clock = now) -> None:
        """`defaults` hold for everybody who has no quota of their own, visitors included."""
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
        """Adds to today's counter, inside the transaction that keeps what was made."""
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        added = {"jobs": jobs, "audio_seconds": audio_seconds, "processing_seconds": processing_seconds}
        row = insert(usage).values(owner=owner, key_id=key_id, day=self._today(), **added)
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["owner", "key_id", "day"],
                set_={name: usage.c[name] + row.excluded[name] for name in added},
            )
        )

    def of(self, owner: str, *, since: str = "") -> tuple[Used, ...]:
        """Day by day and key by key, newest first, from a day on."""
        question = sa.select(usage).where(usage.c.owner == owner, usage.c.day >= since)
        with self._database.read() as connection:
            rows = connection.execute(question.order_by(usage.c.day.desc(), usage.c.key_id)).mappings()
            return tuple(Used(**{name: row[name] for name in Used.__slots__}) for row in rows)

    def totals(self) -> dict[str, Totals]:
        """Of every owner."""
        this_month = usage.c.day >= self.month
        sums = [
            sa.func.sum(sa.case((this_month, usage.c.jobs), else_=0)),
            sa.func.sum(sa.case((this_month, usage.c.audio_seconds), else_=0.0)),
            sa.func.sum(usage.c.jobs),
            sa.func.sum(usage.c.audio_seconds),
        ]
        with self._database.read() as connection:
            rows = connection.execute(sa.select(usage.c.owner, *sums).group_by(usage.c.owner))
            return {row[0]: Totals(int(row[1]), float(row[2]), int(row[3]), float(row[4])) for row in rows}

    def seconds_this_month(self, owner: str) -> float:
        """Of audio."""
        question = sa.select(sa.func.sum(usage.c.audio_seconds))
        with self._database.read() as connection:
            found = connection.execute(question.where(usage.c.owner == owner, usage.c.day >= self.month))
            return float(found.scalar() or 0.0)

    def own_quota(self, owner: str) -> OwnQuota:
        """What was set for this user."""
        names = [users.c[name] for name in OwnQuota.__slots__]
        with self._database.read() as connection:
            row = connection.execute(sa.select(*names).where(users.c.id == owner)).mappings().first()
        return OwnQuota(**row) if row else OwnQuota()

    def quota(self, owner: str) -> Quota:
        """What holds for this owner."""
        own, usual = self.own_quota(owner), self._defaults()
        minutes = usual.minutes_per_month if own.minutes_per_month is None else own.minutes_per_month
        stored = usual.storage_bytes if own.storage_bytes is None else own.storage_bytes
        waiting = usual.waiting_jobs if own.waiting_jobs is None else own.waiting_jobs
        return Quota(minutes or None, stored or None, waiting)

    def set_quota(self, user_id: str, quota: OwnQuota) -> None:
        """Sets what may be used from now on. Raises `NotFound`."""
        values = {name: getattr(quota, name) for name in OwnQuota.__slots__}
        with self._database.write() as connection:
            if connection.execute(users.update().where(users.c.id == user_id).values(values)).rowcount == 0:
                raise NotFound("There is no such user.")

    def check_minutes(self, owner: str) -> None:
        """Raises `QuotaReached` when this month's minutes are used up. Nobody (`""`) has no counter."""
        limit = self.quota(owner).minutes_per_month if owner else None
        if limit is not None and self.seconds_this_month(owner) >= limit * 60:
            raise QuotaReached(
                f"Your {limit:g} minutes of this month are used up. They begin anew on {self._next_month()}, "
                "or ask who runs the appliance for more.",
                retry_after_seconds=self._seconds_to_next_month(),
            )

    def check_storage(self, owner: str, used_bytes: int, more_bytes: int = 0) -> None:
        """Raises `StorageQuotaReached` when so many bytes more would be too many."""
        limit = self.quota(owner).storage_bytes if owner else None
        if limit is not None and used_bytes + more_bytes > limit:
            raise StorageQuotaReached(
                f"Your recordings and transcripts fill the {_shown(limit)} you have. Delete some and empty"
                " the trash, or ask who runs the appliance for more."
            )

    def forget(self, owner: str) -> None:
        """Removes the counters of an owner who is gone."""
        with self._database.write() as connection:
            connection.execute(usage.delete().where(usage.c.owner == owner))

    def purge(self) -> int:
        """Removes counters older than is of use; returns how many."""
        today = self._clock().astimezone(UTC)
        months = today.year * 12 + today.month - 1 - MONTHS_KEPT
        first = f"{months // 12:04}-{months % 12 + 1:02}-01"
        with self._database.write() as connection:
            return connection.execute(usage.delete().where(usage.c.day < first)).rowcount

    @property
    def month(self) -> str:
        """The first day of this month."""
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


def _shown(size: int) -> str:
    gib = size / 2**30
    return f"{gib:.3g} GiB" if gib >= 1 else f"{size / 2**20:.3g} MiB"
