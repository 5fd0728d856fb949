"""The queue: work that was accepted is done, whatever happens in between."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, Unavailable
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs import storage
from whisper_appliance.jobs.events import JobChanged, JobEvent, JobFailed
from whisper_appliance.jobs.heartbeat import WorkerHeartbeat
from whisper_appliance.jobs.job import FinishedWindow, Job, JobError, JobRequest
from whisper_appliance.jobs.job_runner import JobRunner
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.slots import Slots
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.jobs.workers import TakeOverResult, WorkerInfo
from whisper_appliance.jobs.workflows import Workflows
from whisper_appliance.library.transcript_rows import OnCreated, ignore
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import JobStatus

__all__ = ["FinishedWindow", "Job", "JobError", "JobRequest", "JobQueue"]

INTERACTIVE_AT_ONCE = 8
BATCH_AT_ONCE = 2
LAUNCH_SECONDS = 30.0
REREAD_SECONDS = 1.0
LIST_HOURS = 24.0
ROWS_KEPT_DAYS = 30
COULD_NOT_START = "The queue could not start; the log says why. Mend that and restart the appliance."

log = logging.getLogger(__name__)


class JobQueue:
    """Jobs from acceptance to their end; they survive a crash, a stop and a new version of the appliance.

    Methods with an owner raise `NotFound` for a job of somebody else.
    """

    def __init__(
        self,
        database: Database,
        steps: JobSteps,
        data_dir: Path,
        *,
        storage: Path | None = None,
        limit: int = 100,
        limit_per_user: int = 20,
        announce: Callable[[JobEvent], None] = lambda event: None,
        clock: Clock = now,
        stopping: threading.Event | None = None,
        on_created: OnCreated = ignore,
    ) -> None:
        """`storage` is the folder of uploads and kept recordings, where that is not `data_dir`.

        `announce` is called from the jobs' own threads and must return soon; `on_made`, in a transaction.

        Whoever sets `stopping` says that `close` will follow: jobs leave off, those who wait are answered.
        """
        self._database = database
        self._jobs = JobRepository(database, clock=clock, on_created=on_created)
        self._data_dir = data_dir
        self._storage = storage or data_dir
        self._crew = WorkerHeartbeat(database, data_dir, self._storage, clock, self._look)
        self.limit = limit
        self.limit_per_user = limit_per_user
        self._announce = announce
        self._clock = clock
        self._stopping = stopping or threading.Event()
        self._changed = threading.Condition()
        self._changes = 0
        self._slots = Slots(INTERACTIVE_AT_ONCE, self._stopping)
        self._worker = JobRunner(self._jobs, steps, self._slots, self._tell, self._stopping)
        self._launched: Future[Workflows] | None = None

    def launch(self) -> None:
        """Clears away what a crash left behind, and starts the work behind the caller's back.

        To be called once, by the process that does the work (after a fork, not before). Raises `BadSetting`
        where the storage cannot be used.
        """
        me = self._crew.start()
        self._jobs.register_worker(me.id, me.place)
        storage.remove_orphans(self._data_dir, self._storage, [job.audio for job in self._jobs.unfinished()])
        launcher = ThreadPoolExecutor(1, "queue-launch")
        self._launched = launcher.submit(self._launch)
        self._launched.add_done_callback(_log_failure)
        launcher.shutdown(wait=False)

    def enqueue(self, request: JobRequest) -> Job:
        """Accepts a job: when this returns, it is on disk and will be done.

        A request that has come before is answered with its job, of another id; then the file stays the
        caller's. Raises `KeyReused`, `Busy` when too many wait, `Unavailable` when the queue cannot work now;
        then nothing was accepted, and the file is still the caller's.
        """
        workflows = self._workflows()
        with ExitStack() as undo:
            at_once = request.priority < Priority.BATCH and self._slots.reserve(request.id)
            if at_once:
                undo.callback(self._slots.release, request.id)
            job = self._add(request, begun=at_once)
            if job.id != request.id:
                return job
            undo.callback(self._jobs.abandon, job.id)
            try:
                workflows.start(job.id) if at_once else workflows.enqueue(job.id, _lane(job))
            except SQLAlchemyError as error:
                raise Unavailable("The queue takes no jobs now. Try again.", retry_after_seconds=5) from error
            undo.pop_all()
        return job

    def check_queue_limit(self, owner: str, limit: int) -> None:
        """Raises `Busy` when no more jobs would be taken, of this owner or at all."""
        self._jobs.check_queue_limit(owner, limit=self.limit, limit_per_owner=limit)

    def get(self, id: str, owner: str | None = None) -> Job:
        """A job as it is now; without an owner, whosever it is."""
        return self._jobs.get(id, owner)

    def page(self, owner: str) -> tuple[Job, ...]:
        """The owner's jobs of the last day, newest first, ended ones included."""
        return tuple(self._jobs.recent(owner, hours=LIST_HOURS))

    @property
    def stopping(self) -> bool:
        """Whether nothing more is to be expected before the next start."""
        return self._stopping.is_set()

    def windows_of(self, id: str, *, after_sample: int = -1) -> tuple[FinishedWindow, ...]:
        """What has been heard of a running job, in order: the windows that start after a sample."""
        return tuple(self._jobs.windows_of(id, after_sample=after_sample))

    def wait(self, id: str, timeout_seconds: float) -> Job:
        """The job once it has ended, or as it is when the time is over or the appliance stops."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            seen = self._changes
            job = self._jobs.get(id)
            left = deadline - time.monotonic()
            if job.ended or left <= 0 or self._stopping.is_set():
                return job
            with self._changed:
                if self._changes == seen:
                    self._changed.wait(min(left, REREAD_SECONDS))

    def cancel(self, id: str, owner: str | None = None) -> Job:
        """Ends a waiting job at once, a running one at its next window; an ended one stays as it is."""
        job = self._jobs.get(id, owner)
        self._worker.cancel(id)
        if job.status == "queued":
            try:
                self._jobs.cancel(id)
            except Conflict:
                job = self._jobs.get(id)  # it has just been started
            else:
                self._withdraw(job)
        if job.status == "running":
            try:
                self._jobs.request_cancel(id)
            except Conflict:
                log.debug("Job %s ended before it could be cancelled", id)
        return self._jobs.get(id)

    def position(self, id: str) -> int:
        """1 for the job that is next, 0 for one that does not wait."""
        return self._jobs.position(id)

    def counts(self) -> dict[JobStatus, int]:
        """How many jobs are queued and how many running."""
        return self._jobs.counts()

    @property
    def worker_id(self) -> str:
        """This one's, once it is launched."""
        return self._crew.this_worker.id

    def workers(self) -> tuple[WorkerInfo, ...]:
        """Those who work on the jobs of this database; none on SQLite, where there is only this one."""
        return self._crew.workers()

    def shares_storage(self, worker: WorkerInfo) -> bool:
        """Whether the recordings of its jobs are here too."""
        return worker.place == self._crew.this_worker.place

    def take_over(self, worker_id: str, *, allow_loss: bool) -> TakeOverResult:
        """The jobs of a silent worker go on from the windows it finished, if their recordings are here.

        The others fail, if `losing` them was agreed to. Raises `NotFound` and `Conflict`.
        """
        workflows = self._workflows()
        taken = self._crew.take_over(worker_id, allow_loss=allow_loss)
        try:
            self._call_orphans(workflows)
            workflows.delete(taken.failed)
        except SQLAlchemyError as error:
            log.warning("What was taken over is begun with the next look around: %s", error)
        for id in taken.failed:
            self._announce(JobFailed(id, "not_found"))
        for id in (*taken.freed, *taken.failed):
            self._tell(JobChanged(id))
        return taken

    def problem(self) -> str | None:
        """Why no job can be done, None when all is well or still starting."""
        failed = self._launched and self._launched.done() and self._launched.exception()
        return COULD_NOT_START if failed else None

    def close(self, timeout_seconds: float = 15.0) -> None:
        """Stops: running jobs leave off at their next window and go on after the next start."""
        self._stopping.set()
        self._tell_waiting()
        if self._launched is not None and self._launched.exception(timeout_seconds) is None:
            self._jobs.requeue(self._worker.drain(timeout_seconds))
            self._launched.result().close()
        self._launched = None
        self._crew.close()

    def _launch(self) -> Workflows:
        workflows = Workflows(
            self._queue_url(),
            executor=self._crew.this_worker.id,
            place=self._crew.this_worker.place,
            queues={"interactive": INTERACTIVE_AT_ONCE, "batch": BATCH_AT_ONCE},
            run=self._worker.run,
        )
        workflows.launch()
        workflows.delete(self._jobs.delete_ended_before(written(self._clock() - timedelta(days=ROWS_KEPT_DAYS))))
        self._call_orphans(workflows)
        return workflows

    def _call_orphans(self, workflows: Workflows) -> None:
        jobs = self._jobs.claimable()
        workflows.enqueue_missing({job.id: _lane(job) for job in jobs}, self._crew.alive_ids())

    def _look(self) -> None:
        """For jobs that wait while nobody has their calls, as another worker had them and ended."""
        if self._launched and self._launched.done() and not self.problem() and not self._stopping.is_set():
            self._call_orphans(self._launched.result())

    def _add(self, request: JobRequest, *, begun: bool) -> Job:
        path = self._storage / request.audio
        return self._jobs.add(
            request,
            audio=str(path.relative_to(self._storage)),
            audio_bytes=path.stat().st_size,
            limit=self.limit,
            limit_per_owner=request.waiting_limit or self.limit_per_user,
            claimed=begun,
        )

    def _withdraw(self, job: Job) -> None:
        (self._storage / job.audio).unlink(missing_ok=True)
        if not self._worker.is_running(job.id):
            self._workflows().dequeue(job.id)
        self._tell(JobChanged(job.id))

    def _workflows(self) -> Workflows:
        if self._launched is None or self._stopping.is_set():
            raise Unavailable("The appliance is stopping. Try again in a moment.", retry_after_seconds=10)
        try:
            failure = self._launched.exception(LAUNCH_SECONDS)
        except TimeoutError:
            raise Unavailable("The queue is still starting.", retry_after_seconds=10) from None
        if failure is not None:
            raise Unavailable(COULD_NOT_START)
        return self._launched.result()

    def _tell(self, event: JobEvent) -> None:
        if isinstance(event, JobChanged):
            self._tell_waiting()
        self._announce(event)

    def _tell_waiting(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _queue_url(self) -> str:
        if self._database.is_sqlite:
            return storage.prepare_queue_file(self._data_dir / "queue.sqlite", written(self._clock()))
        return self._database.url.render_as_string(hide_password=False)


def _lane(job: Job) -> str:
    return "batch" if job.priority == Priority.BATCH else "interactive"


def _log_failure(launched: "Future[Workflows]") -> None:
    if failure := launched.exception():
        log.error("The queue could not start", exc_info=failure)
