"""What happens to a job from its start to its end, in the thread that was made for it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from typing import TypeVar

import structlog

from whisper_appliance.core.errors import ApplianceError, Cancelled, Conflict, DiskFull, NotFound, Unavailable
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.events import (
    JobStarted,
    JobChanged,
    JobEvent,
    JobFailed,
    JobDone,
    JobProgressed,
)
from whisper_appliance.jobs.job import FinishedWindow, Job
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.slots import Slots
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.jobs.workflows import ShuttingDown
from whisper_appliance.transcript.model import Transcript

MAX_ATTEMPTS = 3
TOO_MANY_ATTEMPTS = f"This file stopped the engine {MAX_ATTEMPTS} times. Try it with a smaller model."
RETRY_SECONDS = 5.0
CANCEL_POLL_SECONDS = 1.0

T = TypeVar("T")
log = logging.getLogger(__name__)


class JobRunner:
    """Begins a job, takes its steps, settles how it ended. A start is counted before anything is done."""

    def __init__(
        self,
        jobs: JobRepository,
        steps: JobSteps,
        slots: Slots,
        announce: Callable[[JobEvent], None],
        stopping: threading.Event,
    ) -> None:
        self._jobs = jobs
        self._steps = steps
        self._slots = slots
        self._announce = announce
        self._stopping = stopping
        self._active: set[str] = set()
        self._claimed: set[str] = set()
        self._to_cancel: set[str] = set()
        self._drained = False
        self._changed = threading.Condition()

    def run(self, job_id: str) -> None:
        """Works on a job until it has ended. Raises `Interrupted` when the appliance stops before."""
        with structlog.contextvars.bound_contextvars(job_id=job_id), self._activity(job_id):
            try:
                job = self._retry_until_available(lambda: self._jobs.get(job_id))
                batch = job.priority == Priority.BATCH
                with nullcontext(False) if batch else self._slots.acquire(job_id) as begun:
                    self._run(job if begun else self._retry_until_available(lambda: self._jobs.claim(job_id)))
            except (NotFound, Conflict):
                log.debug("Job %s was ended before its turn came", job_id)

    def is_running(self, job_id: str) -> bool:
        """Whether a thread of this process has taken the job up."""
        return job_id in self._active

    def cancel(self, job_id: str) -> None:
        """Lets a job that runs here, or is about to, stop at the next window."""
        self._to_cancel.add(job_id)

    def drain(self, timeout_seconds: float) -> list[str]:
        """Waits for the threads to end; returns the jobs that were begun and are not settled.

        Threads that take longer write nothing any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._active, timeout_seconds)
            self._drained = True
            return sorted(self._claimed)

    def _run(self, job: Job) -> None:
        self._claimed.add(job.id)
        self._announce(JobChanged(job.id))
        if job.attempts == 1:
            self._announce(JobStarted(job.id, job.priority, _waited_seconds(job)))
        try:
            done = self._attempt(job)
        except Conflict:
            settled = self._retry_until_available(lambda: self._jobs.get(job.id))
            if not settled.ended:  # put back, as the appliance stops; or taken over by another worker
                raise ShuttingDown from None
            done = settled.status == "done"
        self._claimed.discard(job.id)
        self._steps.clean_up(job, done=done)
        self._announce(JobChanged(job.id))

    def _attempt(self, job: Job) -> bool:
        """Whether there is a transcript now."""
        if job.attempts > MAX_ATTEMPTS:
            self._fail(job, "engine_failed", TOO_MANY_ATTEMPTS)
            return False
        try:
            self._transcribe(job)
        except Cancelled:
            self._retry_until_available(lambda: self._jobs.abandon(job.id))
            self._announce(JobFailed(job.id, "cancelled"))
        except ApplianceError as error:
            self._fail(job, error.code, error.message)
        except Exception:
            self._check_stopping()
            log.exception("Job %s failed", job.id)
            self._fail(job, "internal", "Something went wrong inside the appliance; its log says what.")
        else:
            return True
        return False

    def _transcribe(self, job: Job) -> None:
        def keep(window: FinishedWindow, progress: float, duration: float | None) -> None:
            if progress >= 1:
                return  # the last window goes to disk with the transcript, a moment from now
            self._check_drained()
            self._retry_until_available(lambda: self._jobs.add_window(job.id, window, progress, duration))
            self._check_stopping()
            self._announce(JobProgressed(job.id))

        earlier = self._retry_until_available(lambda: self._jobs.windows_of(job.id))
        finished = {window.start_sample: window.result for window in earlier}
        transcript = self._steps.transcribe(job, finished, keep, self._cancel_check(job.id))
        self._check_drained()
        self._steps.archive_audio(job)
        self._retry_until_available(lambda: self._jobs.finish(job, transcript))
        self._announce(_done_event(job, transcript))

    def _fail(self, job: Job, code: str, message: str) -> None:
        self._check_stopping()
        self._retry_until_available(lambda: self._jobs.fail(job.id, code, message))
        self._announce(JobFailed(job.id, code))

    def _cancel_check(self, job_id: str) -> Callable[[], bool]:
        """Asks this process each time, and the database, where others may have asked, once a second."""
        asked = time.monotonic()

        def cancelled() -> bool:
            nonlocal asked
            self._check_stopping()
            if job_id not in self._to_cancel and time.monotonic() - asked >= CANCEL_POLL_SECONDS:
                asked = time.monotonic()
                with suppress(Unavailable):
                    return self._jobs.cancel_requested(job_id)
            return job_id in self._to_cancel

        return cancelled

    def _retry_until_available(self, use: Callable[[], T]) -> T:
        """A database that is locked or full for a while costs time, not the job."""
        while True:
            try:
                return use()
            except (Unavailable, DiskFull) as error:
                log.warning("A job waits for the database: %s", error)
            if self._stopping.wait(RETRY_SECONDS):
                raise ShuttingDown

    def _check_drained(self) -> None:
        if self._drained:
            raise ShuttingDown

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise ShuttingDown

    @contextmanager
    def _activity(self, job_id: str) -> Iterator[None]:
        with self._changed:
            # What another worker took over and gave back: the thread that had it leaves at its next window.
            self._changed.wait_for(lambda: job_id not in self._active)
            self._check_stopping()
            self._active.add(job_id)
        try:
            yield
        finally:
            with self._changed:
                self._active.discard(job_id)
                self._to_cancel.discard(job_id)
                self._changed.notify_all()


def _waited_seconds(job: Job) -> float:
    """From acceptance to start, by the clock of the rows."""
    if job.started is None:
        return 0.0
    waited = datetime.fromisoformat(job.started) - datetime.fromisoformat(job.created)
    return max(0.0, waited.total_seconds())


def _done_event(job: Job, transcript: Transcript) -> JobDone:
    dropped = sum(len(each.text.split()) for each in transcript.dropped)
    return JobDone(job.id, transcript.model, transcript.duration, transcript.processing_seconds, dropped)
