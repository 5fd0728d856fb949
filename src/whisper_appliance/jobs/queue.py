"""The job queue: an accepted job runs, also after a crash, a restart or an update of the appliance."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from whisper_appliance.core.errors import Conflict, InvalidRequest
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.cluster import Cluster
from whisper_appliance.jobs.events import JobChanged, JobDone, JobEvent, JobFailed
from whisper_appliance.jobs.job import FinishedWindow, Job, JobRequest
from whisper_appliance.jobs.job_runner import JobRunner
from whisper_appliance.jobs.lanes import CONCURRENCY
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.pace import PaceMemory
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.slots import Slots
from whisper_appliance.jobs.time_left import TimeLeft
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.jobs.waiting_order import WaitingQueue
from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.storage.schema.jobs import ENDED_WITHOUT_TRANSCRIPT, JobStatus

POLL_SECONDS = 1.0
LIST_HOURS = 24.0

log = logging.getLogger(__name__)


class JobQueue:
    """Accepts jobs, runs them, and answers for their state. There can be one queue in a process at a time.

    Methods with an owner raise `NotFound` for a job of another owner.
    """

    def __init__(
        self,
        repository: JobRepository,
        cluster: Cluster,
        steps: JobSteps,
        *,
        limits: QueueLimits = QueueLimits(),  # noqa: B008 - it is frozen
        announce: Callable[[JobEvent], None] = lambda _event: None,
    ) -> None:
        """`announce` is called from the threads of the jobs and must return soon.

        Once `cluster.stopping` is set, running jobs stop at their next window and `wait` returns; `close`
        has to follow. `limits` may be replaced while the queue runs.
        """
        self._repository = repository
        self.cluster = cluster
        self._steps = steps
        self.limits = limits
        self._announce = announce
        self._stopping = cluster.stopping
        self._changed = threading.Condition()
        self._changes = 0
        slots = {lane: Slots(count, self._stopping) for lane, count in CONCURRENCY.items()}
        self._interactive_slots = slots["interactive"]
        self._time_left = TimeLeft(
            lambda: repository.remaining_work(steps.default_model),
            memory=PaceMemory(cluster.pace_file),
        )
        self._runner = JobRunner(
            repository,
            steps,
            slots,
            self._publish,
            cluster,
            pace=self._time_left.pace,
        )

    def launch(self) -> None:
        """Removes what a crash left behind, and starts the work in the background.

        To be called once, by the process that does the work (after a fork, not before). Raises `BadSetting`
        if the folder of recordings cannot be used.
        """
        self.cluster.launch(self._runner.run, self._publish)

    def enqueue(self, request: JobRequest) -> Job:
        """Accepts a job: when this returns, the job is on disk and will run.

        A repeated request gets the job of the first one, which has another id, and a job that reuses a
        transcript has ended already; the file then stays the caller's. Raises `KeyReused`, `Busy` if a limit
        is reached, and `Unavailable`; then nothing was accepted, and the file is still the caller's.
        """
        workflows = self.cluster.workflows()
        with ExitStack() as undo:
            at_once = request.priority < Priority.BATCH and self._interactive_slots.reserve(request.id)
            if at_once:
                undo.callback(self._interactive_slots.release, request.id)
            job = self._add(request, claimed=at_once)
            if job.id != request.id or job.ended:
                return job
            undo.callback(self._repository.abandon, job.id)
            workflows.start(job.lane, job.id) if job.status == "running" else workflows.enqueue(job.lane)
            undo.pop_all()
        if at_once and job.status == "queued":  # the owner has paused the queue
            self._interactive_slots.release(job.id)
        return job

    def check_queue_limit(self, owner: str, network: str, limit: int) -> None:
        """Raises `Busy` if the queue is full, or if `limit` jobs of this owner are waiting.

        `network` is that of a client without an account, else "".
        """
        self._repository.check_queue_limit(owner, network, replace(self.limits, per_owner=limit))

    def get(self, job_id: str, owner: str | None = None) -> Job:
        """Returns a job as it is now; without an owner, a job of any owner."""
        return self._repository.get(job_id, owner)

    def translating(self, transcript_id: str) -> Job | None:
        """The unfinished job that translates the recording of a transcript, if there is one."""
        return self._repository.translating(transcript_id)

    def page(
        self,
        owner: str,
        *,
        limit: int = 100,
        cursor: str | None = None,
        status: JobStatus | None = None,
    ) -> tuple[tuple[Job, ...], str | None]:
        """Returns a page of the owner's jobs of the last day, newest first, and the cursor of the next page.

        The cursor is the id of the last job of a page.
        """
        found = self._repository.recent(
            owner, hours=LIST_HOURS, limit=limit + 1, before=cursor, status=status
        )
        return tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None

    @property
    def stopping(self) -> bool:
        """Whether the appliance stops, so that no job makes progress until its next start."""
        return self._stopping.is_set()

    def windows_of(self, job_id: str, *, after_sample: int = -1) -> tuple[FinishedWindow, ...]:
        """Returns the finished windows of a running job in order, those that start after a sample."""
        return tuple(self._repository.windows_of(job_id, after_sample=after_sample))

    def wait(self, job_id: str, timeout_seconds: float) -> Job:
        """Returns the job once it has ended, or as it is after the timeout or when the appliance stops."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            changes = self._changes
            job = self._repository.get(job_id)
            left = deadline - time.monotonic()
            if job.ended or left <= 0 or self._stopping.is_set():
                return job
            with self._changed:
                if self._changes == changes:
                    self._changed.wait(min(left, POLL_SECONDS))

    def cancel(self, job_id: str, owner: str | None = None) -> Job:
        """Ends a queued job at once, a running job at its next window; an ended job stays as it is."""
        job = self._repository.get(job_id, owner)
        self._runner.cancel(job_id)
        while not job.ended and not self._cancelled(job):
            job = self._repository.get(job_id)
        return self._repository.get(job_id)

    def _cancelled(self, job: Job) -> bool:
        """Cancels a job as it was; False if it was claimed or put back in the meantime, or has ended."""
        try:
            if job.status == "running":
                self._repository.request_cancel(job.id)
                return True
            self._repository.cancel(job.id)
        except Conflict:
            return False
        self._runner.forget_cancel(job.id)
        self._publish(JobChanged(job.id, job.translation_of))
        return True

    def retry(self, job_id: str, owner: str | None = None, *, waiting_limit: int | None = None) -> Job:
        """Queues a failed or cancelled job again, with the recording that is still stored.

        `waiting_limit`: how many jobs of its owner may wait. Raises `Conflict` in another state, `NotFound`
        if the recording is gone, `Unavailable` while its folder is not mounted, and what refuses a new job.
        """
        job = self._repository.get(job_id, owner)
        self._steps.audio.check_mounted()
        self._steps.audio.find(job)
        workflows = self.cluster.workflows()
        reopened = self._repository.reopen(job_id, job.owner, self._limits(waiting_limit))
        workflows.enqueue(reopened.lane)
        self._publish(JobChanged(job_id, job.translation_of))
        return self._repository.get(job_id)

    def move(self, job_id: str, owner: str, before: str | None = None) -> Job:
        """Moves a waiting job before another one of its owner; without one, behind them all.

        Raises `Conflict` if it does not wait any more, `NotFound` for jobs of another owner, and
        `InvalidRequest` for a job without an owner.
        """
        _check_has_queue(owner)
        self._repository.move(job_id, owner, before)
        self._publish(JobChanged(job_id))
        return self._repository.get(job_id)

    def put_first(self, job_id: str) -> Job:
        """Lets a waiting job start before all others. Raises `Conflict` if it does not wait any more."""
        self._repository.put_first(job_id)
        self._publish(JobChanged(job_id))
        return self._repository.get(job_id)

    def pause(self, owner: str) -> None:
        """Lets no more jobs of this owner start; what runs goes on. Raises `InvalidRequest` for nobody."""
        _check_has_queue(owner)
        self._repository.pause(owner)

    def resume(self, owner: str) -> None:
        """Lets the jobs of this owner start again."""
        self._repository.resume(owner)
        self.cluster.reclaim()

    def is_paused(self, owner: str) -> bool:
        """Returns whether this owner has paused the own queue."""
        return self._repository.is_paused(owner)

    def can_retry(self, job: Job) -> bool:
        """Whether `retry` works now: the job has no transcript, and its recording is still stored."""
        return job.status in ENDED_WITHOUT_TRANSCRIPT and self._steps.audio.is_there(job)

    def remove_old_uploads(self) -> None:
        """Deletes the uploads of jobs that failed or were cancelled more than a day ago."""
        for job in self._repository.ended_without_transcript(before=self.cluster.uploads_kept_since()):
            self._steps.audio.remove(job)
        self.cluster.remove_orphans()

    def remove_old_jobs(self) -> None:
        """Deletes the rows of jobs that ended `ROWS_KEPT_DAYS` days ago; their transcripts stay."""
        self.cluster.delete_ended()

    def waiting(self) -> WaitingQueue:
        """Returns the waiting jobs in the order in which they start, and which are paused."""
        return self._repository.waiting()

    def seconds_left(self, job: Job) -> float | None:
        """Returns the estimated time until an unfinished job ends; None while it is not known."""
        return None if job.ended or job.waiting else self._time_left.seconds().get(job.id)

    def counts(self) -> dict[JobStatus, int]:
        """Returns how many jobs are queued and how many are running."""
        return self._repository.counts()

    def problem(self) -> str | None:
        """Returns why no job can run; None if all is well or the queue is still starting."""
        return self.cluster.problem()

    def close(self, timeout_seconds: float = 15.0) -> None:
        """Stops: running jobs end at their next window and continue after the next start."""
        self._stopping.set()
        self._wake_waiting()
        self.cluster.close(self._runner.drain, timeout_seconds)

    def _add(self, request: JobRequest, *, claimed: bool) -> Job:
        audio, size_bytes = self._steps.audio.measure(request.audio)
        limits = self._limits(request.waiting_limit)
        return self._repository.add(
            request, audio=audio, audio_bytes=size_bytes, limits=limits, claimed=claimed
        )

    def _limits(self, waiting_limit: int | None) -> QueueLimits:
        """The limits, with that of an owner."""
        return replace(self.limits, per_owner=waiting_limit or self.limits.per_owner)

    def _publish(self, event: JobEvent) -> None:
        has_ended = isinstance(event, JobDone | JobFailed)
        if has_ended or (isinstance(event, JobChanged) and not self._runner.holds(event.job_id)):
            self._wake_waiting()
        self._announce(event)

    def _wake_waiting(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()


def _check_has_queue(owner: str) -> None:
    if owner == NO_OWNER:
        raise InvalidRequest("A queue of your own needs an account, or a browser that keeps cookies.")
