"""What is kept about use: who used how much, what is shared with whom, and what was done."""

from collections.abc import Callable

import sqlalchemy as sa

from whisper_appliance.accounts.audit import Audit
from whisper_appliance.accounts.shares import Shares
from whisper_appliance.accounts.usage import Quota, Usage
from whisper_appliance.config.settings import Settings
from whisper_appliance.jobs.queue import Queue
from whisper_appliance.library.storage_usage import Space
from whisper_appliance.library.transcript_rows import Made, OnMade
from whisper_appliance.library.transcripts import History
from whisper_appliance.storage.database import Database

AskSettings = Callable[[], Settings]


def usage_of(database: Database, settings: AskSettings) -> Usage:
    """The counters, with the quotas that the settings say."""

    def defaults() -> Quota:
        now = settings()
        return Quota(
            now.minutes_per_month or None, int(now.storage_per_user) or None, now.queue_limit_per_user
        )

    return Usage(database, defaults=defaults)


def counted(usage: Usage) -> OnMade:
    """Counts every transcript for its owner and key, in the transaction that keeps it."""

    def count(connection: sa.Connection, made: Made) -> None:
        # What was heard live is heard again in the end: more processing, but the same recording.
        usage.count(
            connection,
            owner=made.owner,
            key_id=made.key_id,
            jobs=0 if made.again else 1,
            audio_seconds=0.0 if made.again else made.transcript.duration,
            processing_seconds=made.transcript.processing_seconds,
        )

    return count


def forgotten(usage: Usage, shares: Shares) -> Callable[[str, tuple[str, ...]], None]:
    """Removes the counters of an owner who is gone, and the shares of their transcripts."""

    def forget(owner: str, transcript_ids: tuple[str, ...]) -> None:
        usage.forget(owner)
        shares.forget(transcript_ids)

    return forget


class Admission:
    """Whether somebody may send one more recording, asked before it is read."""

    def __init__(self, usage: Usage, space: Space, queue: Queue) -> None:
        self._usage = usage
        self._space = space
        self._queue = queue

    def check_upload(self, owner: str, size_bytes: int = 0) -> int:
        """How many of this owner may wait. Raises `Busy`, `QuotaReached`, `StorageQuotaReached`."""
        self.check_live(owner, size_bytes)
        waiting = self._usage.quota(owner).waiting_jobs
        if owner:
            self._queue.check_room(owner, waiting)
        return waiting

    def check_live(self, owner: str, size_bytes: int = 0) -> None:
        """The same for a microphone, which does not wait in the queue."""
        if not owner:
            return  # nobody has no counter; the limits of the whole appliance hold
        self._usage.check_minutes(owner)
        self._usage.check_storage(owner, self._space.used_by(owner), size_bytes)


def chores(
    audit: Audit, usage: Usage, shares: Shares, history: History, settings: AskSettings
) -> dict[str, Callable[[], object]]:
    """What housekeeping clears away."""
    return {
        "shorten the audit log": lambda: audit.purge(settings().audit_days),
        "forget old usage": usage.purge,
        "remove links that have expired": shares.purge,
        "forget shares of what is gone": lambda: shares.forget(history.missing(shares.transcripts())),
    }
