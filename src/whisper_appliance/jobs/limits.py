"""The line of waiting jobs: how long it is, who is next, and whether one more may join it."""

import sqlalchemy as sa

from whisper_appliance.core.errors import Busy
from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.storage.schema.jobs import UNFINISHED, JobStatus, jobs

RETRY_SECONDS = 30.0


def position(connection: sa.Connection, id: str) -> int:
    """How many jobs start before this one, itself included: 1 is next; 0 when it is not waiting."""
    this = jobs.alias()
    earlier = sa.tuple_(jobs.c.priority, jobs.c.number) <= sa.tuple_(this.c.priority, this.c.number)
    question = sa.select(sa.func.count()).select_from(jobs.join(this, earlier))
    return connection.execute(
        question.where(this.c.id == id, this.c.status == "queued", jobs.c.status == "queued")
    ).scalar_one()


def counts(connection: sa.Connection) -> dict[JobStatus, int]:
    """How many jobs wait and run."""
    question = sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)
    rows = connection.execute(question.where(jobs.c.status.in_(UNFINISHED))).all()
    found = {row[0]: row[1] for row in rows}
    return {status: found.get(status, 0) for status in UNFINISHED}


def check_queue_limit(connection: sa.Connection, owner: str, limit: int, limit_per_owner: int) -> None:
    """Raises `Busy` when that many wait already, in all or of this owner."""
    if _waiting(connection) >= limit:
        raise _too_many(f"{limit} recordings wait already, and no more are taken.")
    if owner != NO_OWNER and _waiting(connection, owner) >= limit_per_owner:
        raise _too_many(f"{limit_per_owner} of your recordings wait already.")


def _waiting(connection: sa.Connection, owner: str | None = None) -> int:
    question = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.status == "queued")
    if owner is not None:
        question = question.where(jobs.c.owner == owner)
    return connection.execute(question).scalar_one()


def _too_many(what: str) -> Busy:
    return Busy(f"{what} Try again when some of them are done.", retry_after_seconds=RETRY_SECONDS)
