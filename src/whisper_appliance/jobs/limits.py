"""The limits of the job queue: how many jobs may wait in all, of one owner, and of one network."""

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa

from whisper_appliance.core.errors import Busy
from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.storage.schema.jobs import jobs

RETRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """The most jobs that may wait: in all, of one owner, and of one network's clients without an account."""

    total: int = 100
    per_owner: int = 20
    per_network: int = 50


def network_digest(network: str) -> str | None:
    """What a job stores of the network that it came from; None for none."""
    return hashlib.sha256(network.encode()).hexdigest()[:32] if network else None


def check_queue_limit(
    connection: sa.Connection, owner: str, network: str | None, limits: QueueLimits
) -> None:
    """Raises `Busy` if the queue is full, or if this owner or this network has no place left in it.

    `network` is a `network_digest`.
    """
    mine = sa.func.sum(sa.case((jobs.c.owner == owner, 1), else_=0))
    near = sa.func.sum(sa.case((jobs.c.network == network, 1), else_=0))
    query = sa.select(sa.func.count(), sa.func.coalesce(mine, 0), sa.func.coalesce(near, 0))
    query = query.select_from(jobs).where(jobs.c.status == "queued")
    in_all, of_owner, of_network = connection.execute(query).one()
    if in_all >= limits.total:
        raise Busy(
            "The queue is full: {limit} recordings are waiting. Try again when some of them are done.",
            limit=limits.total,
            limit_name="queue",
            retry_after_seconds=RETRY_SECONDS,
        )
    if owner != NO_OWNER and of_owner >= limits.per_owner:
        raise Busy(
            "{limit} of your recordings are waiting already, which is the most. Try again when some of them "
            "are done.",
            limit=limits.per_owner,
            limit_name="queue_per_user",
            retry_after_seconds=RETRY_SECONDS,
        )
    if network and of_network >= limits.per_network:
        raise Busy(
            "{limit} recordings from your network are waiting already, which is the most without an account. "
            "Try again when some of them are done.",
            limit=limits.per_network,
            limit_name="queue_per_address",
            retry_after_seconds=RETRY_SECONDS,
        )
