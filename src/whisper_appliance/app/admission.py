"""Admission control: quotas and queue limits of an owner, and the usage counters behind them."""

from collections.abc import Callable

from whisper_appliance.accounts.audit import Audit
from whisper_appliance.accounts.usage import Quota, Usage
from whisper_appliance.config.settings import Settings
from whisper_appliance.jobs.job import Job
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.jobs.repository import CheckQuota, pending_seconds
from whisper_appliance.library.shares import Shares
from whisper_appliance.library.storage_usage import StorageUsage
from whisper_appliance.library.transcript_rows import OnCreated, TranscriptCreated
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Connection, Database

GetSettings = Callable[[], Settings]


def make_usage(database: Database, settings: GetSettings) -> Usage:
    """The usage counters, with the default quotas of the settings."""

    def defaults() -> Quota:
        now = settings()
        return Quota(
            now.minutes_per_month or None, int(now.storage_per_user) or None, now.queue_limit_per_user
        )

    return Usage(database, defaults=defaults)


def usage_hook(usage: Usage) -> OnCreated:
    """Returns a hook that counts a transcript for its owner and API key, in the same transaction."""

    def count(connection: Connection, made: TranscriptCreated) -> None:
        # A live session is transcribed again after its end: more processing, but the same recording.
        usage.count(
            connection,
            owner=made.owner,
            key_id=made.key_id,
            jobs=0 if made.again else 1,
            audio_seconds=0.0 if made.again else made.transcript.duration,
            processing_seconds=made.transcript.processing_seconds,
        )
        usage.end_live(connection, made.id)

    return count


def on_owner_deleted(usage: Usage, shares: Shares) -> Callable[[str, tuple[str, ...]], None]:
    """Returns a hook that removes the counters of a deleted owner and the shares of their transcripts."""

    def forget(owner: str, transcript_ids: tuple[str, ...]) -> None:
        usage.delete_for(owner)
        shares.delete_for(transcript_ids)

    return forget


def quota_check(usage: Usage, space: StorageUsage) -> CheckQuota:
    """Returns the check of an owner's quotas in the transaction that adds a recording.

    What was checked before it was read holds no more if others were added meanwhile.
    """

    def check(connection: Connection, owner: str, new_bytes: int) -> None:
        if not owner:
            return
        quota = usage.effective_quota(owner, connection)
        usage.check_minutes(owner, pending_seconds(owner), quota, connection)
        if new_bytes:
            usage.check_storage(owner, lambda: space.used_in(connection, owner), new_bytes, quota)

    return check


class Admission:
    """Checks quotas and queue limits before a recording is read."""

    def __init__(self, usage: Usage, space: StorageUsage, queue: JobQueue) -> None:
        self._usage = usage
        self._space = space
        self._queue = queue

    def check_upload(self, owner: str, size_bytes: int = 0, network: str = "") -> int:
        """How many jobs of this owner may wait. Raises `Busy`, `QuotaReached`, `StorageQuotaReached`.

        `network` is that of a client without an account, else "".
        """
        quota = self._usage.effective_quota(owner)
        if owner:
            self._check(owner, size_bytes, quota)
            self._queue.check_queue_limit(owner, network, quota.waiting_jobs)
        return quota.waiting_jobs

    def retry(self, job_id: str) -> Job:
        """Queues a failed or cancelled job again. Raises what `JobQueue.retry` raises, and `QuotaReached`."""
        quota = self._usage.effective_quota(self._queue.get(job_id).owner)
        return self._queue.retry(job_id, waiting_limit=quota.waiting_jobs)

    def check_edit(self, owner: str, size_bytes: int) -> None:
        """Checks the storage quota of an owner whose transcript is changed."""
        self.check_storage(owner, size_bytes)

    def check_live(self, owner: str, size_bytes: int = 0) -> None:
        """Checks the quotas for a live session, which does not wait in the queue."""
        if owner:  # requests without an owner have no counter; the limits of the appliance hold
            quota = self._usage.effective_quota(owner)
            self._usage.check_minutes(owner, pending_seconds(owner, estimated=False), quota)
            self._usage.check_storage(owner, lambda: self._space.used_by(owner), size_bytes, quota)

    def check_storage(self, owner: str, size_bytes: int) -> None:
        """Checks the storage quota for what takes no minutes. Raises `StorageQuotaReached`."""
        if owner:
            self._usage.check_storage(owner, lambda: self._space.used_by(owner), size_bytes)

    def _check(self, owner: str, size_bytes: int, quota: Quota) -> None:
        self._usage.check_minutes(owner, pending_seconds(owner), quota)
        self._usage.check_storage(owner, lambda: self._space.used_by(owner), size_bytes, quota)


def cleanup_tasks(
    audit: Audit, usage: Usage, shares: Shares, history: TranscriptRepository, settings: GetSettings
) -> dict[str, Callable[[], object]]:
    """The clean-up tasks of accounts and usage, by name."""
    return {
        "purge the audit log": lambda: audit.purge(settings().audit_days),
        "purge old usage": usage.delete_old,
        "purge expired share links": shares.delete_expired,
        "remove shares of purged transcripts": lambda: shares.delete_for(
            history.purged_among(shares.shared_transcript_ids())
        ),
    }
