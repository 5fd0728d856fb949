"""The limits of the job queue: how many jobs may wait in all, and how many of one owner."""

from dataclasses import dataclass

import sqlalchemy as sa

from whisper_appliance.core.errors import Busy
from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.storage.schema.jobs import jobs

RETRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """The most jobs that may wait: in all, and of one owner. Jobs without an owner count in all only."""

    total: int = 100
    per_owner: int = 20


def check_queue_limit(connection: sa.Connection, owner: str, limits: QueueLimits) -> None:
    """Raises `Busy` if the queue is full, or if this owner has no place left in it."""
    mine = sa.func.sum(sa.case((jobs.c.owner == owner, 1), else_=0))
    query = sa.select(sa.func.count(), sa.func.coalesce(mine, 0)).select_from(jobs)
    in_all, of_owner = connection.execute(query.where(jobs.c.status == "queued")).one()
    if in_all >= limits.total:
        raise Busy(
            "The queue is full: {limit} recordings are waiting. Try again when some of them are done.",
            limit=limits.total,
            retry_after_seconds=RETRY_SECONDS,
        )
    if owner != NO_OWNER and of_owner >= limits.per_owner:
        raise Busy(
            "{limit} of your recordings are waiting already, which is the most. Try again when some of them "
            "are done.",
            limit=limits.per_owner,
            retry_after_seconds=RETRY_SECONDS,
        )
