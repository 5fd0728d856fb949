"""Runs a job from start to end in a thread of its own: claim, attempts, cancellation, result."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import (
    ApplianceError,
    Cancelled,
    Conflict,
    DatabaseDamaged,
    DiskFull,
    EngineFailed,
    NotFound,
    Unavailable,
)
from whisper_appliance.core.i18n import N_
from whisper_appliance.jobs.cluster import Cluster
from whisper_appliance.jobs.events import (
    JobChanged,
    JobDone,
    JobEvent,
    JobFailed,
    JobProgressed,
    JobStarted,
)
from whisper_appliance.jobs.failures import FailureKind, as_appliance_error, kind_of, pause_seconds
from whisper_appliance.jobs.job import FinishedWindow, Job
from whisper_appliance.jobs.lanes import Lane, lane_for, lane_of
from whisper_appliance.jobs.pace import Kind, Pace
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.slots import LaneSlot, Slots, lane_slot
from whisper_appliance.jobs.time_left import ESTIMATED_BYTES_PER_SECOND
from whisper_appliance.jobs.transcription_job import JobSteps, Transcribed
from whisper_appliance.jobs.waiting_order import WaitingJob
from whisper_appliance.jobs.workflows import ShuttingDown
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcription.channels import CHANNEL_SAMPLES

MAX_ATTEMPTS = 8
PATIENT_ATTEMPTS = 5
"""After so many deaths of the program in a row, a job waits before each further attempt."""
SUSPECT_ATTEMPTS = 2
DEATH_PAUSE_SECONDS = 30.0
DIED = N_("The program stopped {attempts} times in a row while it worked on this file.")
TOO_MANY_ATTEMPTS = DIED.format(attempts=MAX_ATTEMPTS)
INTERNAL_ERROR = N_("Something went wrong inside the appliance. Its log has the details.")
RETRY_SECONDS = 5.0
CLIP_SECONDS = 30.0
"""The longest window, so that a shorter recording is done with the first one."""
CANCEL_POLL_SECONDS = 1.0

T = TypeVar("T")


class _NoSlotInLane(Exception):
    """A recording has to wait in another lane, because it is longer than was known when it began."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane)
        self.lane = lane


log = logging.getLogger(__name__)


class JobRunner:
    """Claims a job, runs its steps, and stores how it ended.

    A start is counted before any work is done, and the count begins anew with each finished window, so that a
    file that crashes the program is not retried forever. `jobs.failures` decides what an error means for the
    job: a failure of the machine postpones it, and it is retried after a pause that grows.
    """

    def __init__(
        self,
        jobs: JobRepository,
        steps: JobSteps,
        slots: Mapping[Lane, Slots],
        announce: Callable[[JobEvent], None],
        cluster: Cluster,
        *,
        pace: Pace,
    ) -> None:
        """`cluster` starts postponed jobs again, and knows if this worker is cut off; `pace` is measured."""
        self._pace = pace
        self._cluster = cluster
        self._jobs = jobs
        self._steps = steps
        self._slots = slots
        self._announce = announce
        self._stopping = cluster.stopping
        self._active: set[str] = set()
        self._claimed: set[str] = set()
        self._to_cancel: set[str] = set()
        self._drained = False
        self._changed = threading.Condition()
        self._suspects = threading.Lock()

    def run(self, lane: Lane, job_id: str = "") -> None:
        """Runs the job that has a reserved slot, or the next one of the lane, until it has ended.

        Does nothing if no job is left. Raises `ShuttingDown` if the appliance stops before the job ended.
        """
        while not self._run_next(lane, job_id):
            if self._stopping.wait(CANCEL_POLL_SECONDS):
                raise ShuttingDown

    def _run_next(self, lane: Lane, job_id: str) -> bool:
        """False if jobs wait, but all of them for another one that runs here."""
        with ExitStack() as held:
            with lane_slot(self._slots, lane, job_id) as slot:
                job = self._reserved(job_id, held) if slot.reserved else self._claim_next(lane, held)
                if job is None:
                    return slot.reserved or not self._claimable(lane)
                held.enter_context(structlog.contextvars.bound_contextvars(job_id=job.id))
                done = self._run(job, slot)
            if done and not self._stopping.is_set():
                self._steps.encode_audio(job, done)
        return True

    def _reserved(self, job_id: str, held: ExitStack) -> Job | None:
        """The job with a reserved slot, which was claimed when it was accepted; None if it was erased."""
        try:
            job = self._retry_until_available(lambda: self._jobs.get(job_id))
        except NotFound:
            return None
        self._begin_activity(job_id)
        held.callback(self._end_activity, job_id)
        return job

    def _claimable(self, lane: Lane) -> list[WaitingJob]:
        self._check_stopping()
        self._waited_while_cut_off()
        return [each for each in self._retry_until_available(self._jobs.claimable) if each.lane == lane]

    def _claim_next(self, lane: Lane, held: ExitStack) -> Job | None:
        """Claims the first job that may run now; None if there is none.

        Jobs that ran when the program died twice run one at a time, so that the next death counts against one
        of them, and not against all that ran beside its cause. A job may come back from a worker that had
        taken it over, while its old thread is still here: it waits for the end of that thread.
        """
        for waiting in self._claimable(lane):
            with ExitStack() as undo:
                if waiting.attempts >= SUSPECT_ATTEMPTS:
                    if not self._suspects.acquire(blocking=False):
                        continue
                    undo.callback(self._suspects.release)
                if not self._begin_activity(waiting.id):
                    continue
                undo.callback(self._end_activity, waiting.id)
                try:
                    job = self._retry_until_available(partial(self._jobs.claim, waiting.id))
                except (NotFound, Conflict):
                    log.debug("Job %s was claimed or ended before", waiting.id)
                    continue
                held.enter_context(undo.pop_all())
                return job
        return None

    def cancel(self, job_id: str) -> None:
        """Makes a job that runs here, or is about to, stop at its next window."""
        self._to_cancel.add(job_id)

    def forget_cancel(self, job_id: str) -> None:
        """Forgets that a job was to stop, because it ended before it ran."""
        self._to_cancel.discard(job_id)

    def holds(self, job_id: str) -> bool:
        """Whether a thread of this process works on the job now."""
        return job_id in self._claimed

    def drain(self, timeout_seconds: float) -> list[str]:
        """Waits for the threads to end; returns the jobs that were claimed and have not ended.

        Threads that take longer write nothing any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._active, timeout_seconds)
            self._drained = True
            return sorted(self._claimed)

    def _run(self, job: Job, slot: LaneSlot) -> Transcribed | None:
        done = None
        self._claimed.add(job.id)
        self._announce(JobChanged(job.id, job.translation_of))
        if job.attempts == 1 and job.lane == lane_of(job.priority):  # else it has waited in its first lane
            self._announce(JobStarted(job.id, job.priority, _waited_seconds(job)))
        try:
            done = self._attempt(job, slot)
        except Conflict:
            if not self._has_ended(job.id):  # requeued at a stop, or taken over by another worker
                raise ShuttingDown from None
        finally:
            self._pace.job_stopped(job.id)
        self._claimed.discard(job.id)
        self._announce(JobChanged(job.id, job.translation_of))
        return done

    def _has_ended(self, job_id: str) -> bool:
        """Whether somebody else ended the job, or erased it."""
        try:
            return self._retry_until_available(lambda: self._jobs.get(job_id)).ended
        except NotFound:
            return True

    def _put_back(self, job: Job, lane: Lane) -> None:
        """Lets a job wait in another lane, because its recording is longer than was known.

        Raises `Cancelled` if it is to be cancelled, because it would wait for that.
        """
        if job.id in self._to_cancel:
            raise Cancelled("The job was cancelled.")
        try:
            self._retry_until_available(lambda: self._jobs.change_lane(job.id, lane, requeue=True))
        except Conflict:
            if self._retry_until_available(lambda: self._jobs.cancel_requested(job.id)):
                raise Cancelled("The job was cancelled.") from None
            raise
        self._cluster.retry_after(0.0)

    def _attempt(self, job: Job, slot: LaneSlot) -> Transcribed | None:
        """Ends or postpones the job. A failure of the recording counts once a second try has confirmed it."""
        if job.attempts > MAX_ATTEMPTS:
            self._fail(job, "engine_failed", TOO_MANY_ATTEMPTS)
            return None
        if job.retries < job.attempts - PATIENT_ATTEMPTS:  # each death after those costs a pause
            pause = DEATH_PAUSE_SECONDS * 2.0**job.retries
            self._postpone(job, EngineFailed(DIED, attempts=job.attempts - 1, retry_after_seconds=pause))
            return None
        for is_last in (False, True):
            try:
                return self._transcribe_or_put_back(job, slot)
            except Cancelled:
                self._retry_until_available(lambda: self._jobs.abandon(job.id))
                self._announce(JobFailed(job.id, "cancelled"))
                return None
            except Conflict:
                raise
            except Exception as error:  # noqa: BLE001 - the worker loop: `_settle` logs what is no failure
                self._check_stopping()
                if self._settle(job, error, is_last=is_last):
                    return None
        return None

    def _transcribe_or_put_back(self, job: Job, slot: LaneSlot) -> Transcribed | None:
        try:
            return self._transcribe(job, slot)
        except _NoSlotInLane as error:
            self._put_back(job, error.lane)
            return None

    def _settle(self, job: Job, error: Exception, *, is_last: bool) -> bool:
        """Postpones or fails the job by the kind of the error; False if it is to be tried once more now."""
        kind, known = kind_of(error), as_appliance_error(error)
        if known and kind in (FailureKind.MACHINE, FailureKind.SETTING):
            self._postpone(job, known)
        elif kind is FailureKind.RECORDING and not is_last:
            log.warning("Job %s is tried once more: %s", job.id, error, exc_info=known is None)
            return False
        elif known:
            self._fail(job, known.code, known.message)
        else:
            log.error("Job %s failed", job.id, exc_info=error)
            self._fail(job, "internal", INTERNAL_ERROR)
        return True

    def _postpone(self, job: Job, error: ApplianceError) -> None:
        log.warning("Job %s waits: %s", job.id, error.message)
        retries = self._retry_until_available(lambda: self._jobs.get(job.id)).retries
        pause = pause_seconds(retries, error)
        self._retry_until_available(lambda: self._jobs.postpone(job.id, error.code, error.message, pause))
        self._cluster.retry_after(pause)

    def _transcribe(self, job: Job, slot: LaneSlot) -> Transcribed:
        def store(window: FinishedWindow, progress: float, duration: float | None) -> None:
            if progress >= 1:
                return  # the transcript is stored a moment later and holds the last window
            self._check_drained()
            self._retry_until_available(lambda: self._jobs.add_window(job.id, window, progress, duration))
            self._check_stopping()
            if window.start_sample not in finished:
                seconds = (window.stop_sample - window.start_sample) / SAMPLE_RATE
                self._pace.window_finished(job.id, seconds, progress * _seconds_of(job, duration))
            self._announce(JobProgressed(job.id))
            self._keep_lane(job, slot, window.stop_sample % CHANNEL_SAMPLES / SAMPLE_RATE)

        kind = Kind(job.wanted_model or self._steps.default_model, job.options.quality)
        self._pace.job_started(job.id, kind, job.progress * _seconds_of(job, job.duration))
        is_new = job.attempts == 1 and not job.progress
        earlier = () if is_new else self._retry_until_available(lambda: self._jobs.windows_of(job.id))
        finished = {window.start_sample: window.result for window in earlier}
        decoded = partial(self._pace.window_decoded, job.id)
        done = self._steps.transcribe(
            job,
            finished,
            store,
            self._cancel_check(job.id),
            decoded,
            self._progress_of(job),
            self._duration_of(job, slot),
        )
        self._check_drained()
        on_finished = self._steps.archive_audio(job, done)
        self._retry_until_available(lambda: self._jobs.finish(job, done.transcript, on_finished, done.voices))
        self._steps.clean_up(job)
        self._announce(_done_event(job, done.transcript))
        return done

    def _progress_of(self, job: Job) -> Callable[[float], None]:
        """Returns a function that stores the progress of what comes after the windows."""

        def store(progress: float) -> None:
            self._check_drained()
            self._retry_until_available(lambda: self._jobs.set_progress(job.id, progress))
            self._check_stopping()
            self._announce(JobProgressed(job.id))

        return store

    def _keep_lane(self, job: Job, slot: LaneSlot, seconds: float) -> None:
        """Moves a job to the lane of recordings that last at least so long, if it is in another one.

        Raises `_NoSlotInLane` if it has to wait there.
        """
        lane = lane_for(slot.lane, seconds)
        if lane == slot.lane or job.translate_to:
            return
        if not slot.change_lane(lane):
            raise _NoSlotInLane(lane)
        self._retry_until_available(lambda: self._jobs.change_lane(job.id, lane, requeue=False))

    def _duration_of(self, job: Job, slot: LaneSlot) -> Callable[[float], None]:
        """Returns a function that stores the length of a recording, which was estimated until then.

        A clip is done before anybody reads its length.
        """

        def store(duration: float) -> None:
            if job.duration is None and duration > CLIP_SECONDS:
                self._retry_until_available(lambda: self._jobs.set_duration(job.id, duration))
                self._announce(JobProgressed(job.id))
            self._keep_lane(job, slot, duration)

        return store

    def _fail(self, job: Job, code: str, message: str) -> None:
        self._check_stopping()
        self._retry_until_available(lambda: self._jobs.fail(job.id, code, message))
        self._announce(JobFailed(job.id, code))

    def _cancel_check(self, job_id: str) -> Callable[[], bool]:
        """Returns a function that tests whether the job is cancelled.

        It reads the database at most once a second, because another process may have stored the request. It
        waits while this worker is cut off, and raises `Conflict` if another one has taken the job over.
        """
        read_at = time.monotonic()

        def cancelled() -> bool:
            nonlocal read_at
            self._check_stopping()
            is_due = self._waited_while_cut_off() or time.monotonic() - read_at >= CANCEL_POLL_SECONDS
            if job_id not in self._to_cancel and is_due:
                read_at = time.monotonic()
                with suppress(Unavailable):
                    return self._jobs.is_to_stop(job_id)
            return job_id in self._to_cancel

        return cancelled

    def _waited_while_cut_off(self) -> bool:
        """Waits until the heartbeat of this worker is written again; whether that was necessary."""
        if not self._cluster.is_cut_off():
            return False
        log.warning("Jobs wait, because this worker cannot write its heartbeat")
        while self._cluster.is_cut_off():
            if self._stopping.wait(CANCEL_POLL_SECONDS):
                raise ShuttingDown
        return True

    def _retry_until_available(self, query: Callable[[], T]) -> T:
        """Retries while the database cannot be used, because that must not fail a job."""
        while True:
            try:
                return query()
            except (Unavailable, DiskFull, DatabaseDamaged) as error:
                log.warning("A job waits for the database: %s", error)
            if self._stopping.wait(RETRY_SECONDS):
                raise ShuttingDown

    def _check_drained(self) -> None:
        if self._drained:
            raise ShuttingDown

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise ShuttingDown

    def _begin_activity(self, job_id: str) -> bool:
        """Marks that a thread of this process has the job; False if one has it already."""
        with self._changed:
            if job_id in self._active:
                return False
            self._active.add(job_id)
            return True

    def _end_activity(self, job_id: str) -> None:
        with self._changed:
            self._active.discard(job_id)
            self._to_cancel.discard(job_id)
            self._changed.notify_all()


def _seconds_of(job: Job, duration: float | None) -> float:
    return job.audio_bytes / ESTIMATED_BYTES_PER_SECOND if duration is None else duration


def _waited_seconds(job: Job) -> float:
    """Returns the seconds from acceptance to start, by the clock of the rows."""
    if job.started is None:
        return 0.0
    waited = datetime.fromisoformat(job.started) - datetime.fromisoformat(job.created)
    return max(0.0, waited.total_seconds())


def _done_event(job: Job, transcript: Transcript) -> JobDone:
    dropped = sum(len(each.text.split()) for each in transcript.dropped)
    made = job.translation_of or job.id
    seconds = 0.0 if job.translate_to else transcript.duration
    return JobDone(job.id, transcript.model, seconds, transcript.processing_seconds, dropped, made)
