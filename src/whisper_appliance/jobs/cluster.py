"""This worker in the cluster of workers on one database: its durable calls, its heartbeat, and take-over.

On SQLite a worker is alone: it writes no heartbeat and takes no jobs over, but starts those that are due.
"""

import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from whisper_appliance import __version__
from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, NotFound, Unavailable
from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.jobs.events import JobChanged, JobEvent, JobFailed
from whisper_appliance.jobs.heartbeat import WorkerHeartbeat
from whisper_appliance.jobs.lanes import CONCURRENCY, Lane
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.storage import (
    JobFolders,
    prepare_queue_file,
    storage_name,
    worker_id,
)
from whisper_appliance.jobs.workers import TakeOverResult, ThisWorker, WorkerInfo, WorkerRepository
from whisper_appliance.jobs.workflows import Workflows, check_sqlite
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import STALE_AFTER_SECONDS, UPLOAD_KEPT_HOURS

LAUNCH_SECONDS = 30.0
LAUNCH_RETRY_SECONDS = 2.0
ROWS_KEPT_DAYS = 30
RETRY_MARGIN_SECONDS = 0.2  # so that the postponed job is due, and its durable call has ended
RECLAIM_RETRY_SECONDS = 10.0
CUT_OFF_SECONDS = STALE_AFTER_SECONDS / 2
"""A worker without a heartbeat for so long begins no window, so that it has ended when others take over."""
LAUNCH_FAILED = "The queue could not start. The log has the reason. Fix it and restart the appliance."

log = logging.getLogger(__name__)


class Cluster:
    """This worker and the others on the same database. `stopping` is set before this worker closes."""

    def __init__(
        self,
        database: Database,
        repository: JobRepository,
        folders: JobFolders,
        *,
        stopping: threading.Event | None = None,
        clock: Clock = now,
    ) -> None:
        self.database = database
        self._repository = repository
        self._folders = folders
        self.stopping = stopping or threading.Event()
        self.clock = clock
        self._workers = WorkerRepository(database)
        self._this = ThisWorker("", "", socket.gethostname(), __version__)
        self._heartbeat: WorkerHeartbeat | None = None
        self._run: Callable[[Lane, str], None] | None = None
        self._launched: Future[Workflows] | None = None
        self._launching = threading.Lock()
        self._obstacle: Unavailable | None = None
        self._announce: Callable[[JobEvent], None] = lambda _event: None

    def launch(self, run: Callable[[Lane, str], None], announce: Callable[[JobEvent], None]) -> None:
        """Registers this worker, recovers its jobs, and prepares the durable calls of `run`.

        They are started in the background if jobs are left, or if other workers may enqueue some; otherwise
        with the first job, because they take memory and poll their database. `announce` gets the events of
        jobs that are taken over. Raises `BadSetting` if the folder of recordings cannot be used, or SQLite
        is too old.
        """
        if self.database.is_sqlite:
            check_sqlite()
        self._run, self._announce = run, announce
        self._register()
        self._repository.register_worker(self._this.id, self._this.place)
        self._folders.prepare()
        self._folders.remove_decoded()
        self._folders.remove_orphans(self._wanted_uploads, young=True)
        if self._repository.unfinished() or not self.database.is_sqlite:
            self._launch_workflows()

    def workflows(self) -> Workflows:
        """Returns the durable calls, once they are launched. Raises `Unavailable`."""
        launched = self._launch_workflows()
        if obstacle := self._obstacle:  # once, because the launch may end meanwhile
            raise obstacle
        try:
            failure = launched.exception(LAUNCH_SECONDS)
        except TimeoutError:
            raise Unavailable(
                "The queue is still starting. Try again in a moment.", retry_after_seconds=10
            ) from None
        if failure is not None:
            raise Unavailable(LAUNCH_FAILED)
        return launched.result()

    def problem(self) -> str | None:
        """Returns why no job can run; None if all is well, or the launch has not ended yet."""
        if obstacle := self._obstacle:
            return obstacle.message
        return LAUNCH_FAILED if self._has_failed else None

    @property
    def _has_failed(self) -> bool:
        return bool(self._launched and self._launched.done() and self._launched.exception())

    @property
    def pace_file(self) -> Path:
        """Where this machine remembers how fast it is."""
        return self._folders.data_dir / "pace.json"

    @property
    def worker_id(self) -> str:
        """The id of this worker, once it is launched."""
        return self._this.id

    def workers(self) -> tuple[WorkerInfo, ...]:
        """Returns the workers on this database; none on SQLite, where there is only this one."""
        return self._workers.page()

    def shares_storage(self, worker: WorkerInfo) -> bool:
        """Returns whether the recordings of its jobs are in the folder of this worker too."""
        return worker.place == self._this.place

    def is_cut_off(self) -> bool:
        """Whether others may take over the jobs of this worker, because its heartbeat cannot be written."""
        beating = self._heartbeat
        return beating is not None and not self.database.is_sqlite and beating.age_seconds > CUT_OFF_SECONDS

    def uploads_kept_since(self) -> str:
        """The uploads of jobs that failed or were cancelled before this moment are removed."""
        return written(self.clock() - timedelta(hours=UPLOAD_KEPT_HOURS))

    def retry_after(self, seconds: float) -> None:
        """Starts the jobs that are due in so many seconds: later if the database cannot be used then."""

        def reclaim() -> None:
            if not log_errors(self.reclaim, "jobs were not taken over") and not self.stopping.is_set():
                self.retry_after(RECLAIM_RETRY_SECONDS)

        timer = threading.Timer(seconds + RETRY_MARGIN_SECONDS, reclaim)
        timer.daemon = True
        timer.start()

    def take_over(self, stale_id: str, *, allow_loss: bool) -> TakeOverResult:
        """Takes over the jobs of a stale worker; they continue after their last finished window.

        Jobs whose recordings are not here fail, if `allow_loss`. Raises `NotFound` and `Conflict`.
        """
        workflows = self.workflows()
        result = self._workers.take_over(
            stale_id,
            place=self._this.place,
            has_audio=self._folders.has_audio,
            allow_loss=allow_loss,
            moment=written(self.clock()),
            on_ended=self._repository.on_ended,
        )
        try:
            self._enqueue_missing(workflows)
        except Unavailable as error:
            log.warning("The jobs that were taken over start with the next heartbeat: %s", error)
        for job_id in result.failed:
            self._announce(JobFailed(job_id, "not_found"))
        for job_id in (*result.freed, *result.failed):
            self._announce(JobChanged(job_id))
        return result

    def close(self, drain: Callable[[float], list[str]], timeout_seconds: float) -> None:
        """Requeues the jobs that `drain(timeout_seconds)` returns; ends durable calls and heartbeat."""
        if self._launched is not None and self._launched.exception(timeout_seconds) is None:
            self._repository.requeue(drain(timeout_seconds))
            self._launched.result().close()
        self._run = self._launched = None
        if self._heartbeat is not None:
            self._heartbeat.close()
            self._heartbeat = None
            if not self.database.is_sqlite:
                log_errors(lambda: self._workers.unregister(self._this.id), "the worker was not unregistered")

    def _register(self) -> None:
        own_id = worker_id(self._folders.data_dir)
        place = storage_name(self._folders.recordings) if self._folders.is_shared else own_id
        self._this = ThisWorker(own_id, place, self._this.host, self._this.version)
        self._workers.recover_own_jobs(self._this, self._folders.has_audio)
        if not self.database.is_sqlite:
            self._workers.register(self._this)
        self._heartbeat = WorkerHeartbeat(self._write_heartbeat, self.reclaim)
        self._heartbeat.start()

    def _write_heartbeat(self) -> None:
        if not self.database.is_sqlite:
            self._workers.heartbeat(self._this)

    def _launch_workflows(self) -> "Future[Workflows]":
        with self._launching:
            if self._run is None or self.stopping.is_set():
                raise Unavailable("The appliance is stopping. Try again in a moment.", retry_after_seconds=10)
            if self._launched is None or self._has_failed:  # the disk may have been full
                launcher = ThreadPoolExecutor(1, "queue-launch")
                self._launched = launcher.submit(self._launch_once_possible, self._run)
                self._launched.add_done_callback(_log_failure)
                launcher.shutdown(wait=False)
            return self._launched

    def _launch_once_possible(self, run: Callable[[Lane, str], None]) -> Workflows:
        """Launches the durable calls, again and again while the database cannot be used.

        Raises `Unavailable` if the appliance stops before.
        """
        try:
            while True:
                try:
                    return self._launch(run)
                except Unavailable as error:
                    log.warning("The queue waits for the database: %s", error)
                    self._obstacle = error
                    if self.stopping.wait(LAUNCH_RETRY_SECONDS):
                        raise
        finally:
            self._obstacle = None

    def _launch(self, run: Callable[[Lane, str], None]) -> Workflows:
        workflows = Workflows(
            self._queue_url(),
            executor_id=self._this.id,
            place=self._this.place,
            queues=CONCURRENCY,
            run=run,
        )
        with ExitStack() as undo:
            undo.callback(workflows.close)
            workflows.launch()
            workflows.delete_ended()
            self._enqueue_missing(workflows)
            undo.pop_all()
        return workflows

    def _enqueue_missing(self, workflows: Workflows) -> None:
        workflows.enqueue_missing(Counter(job.lane for job in self._repository.claimable()))

    def reclaim(self) -> None:
        """Takes over the jobs of stale workers that share the recordings, and enqueues missing calls.

        Calls are missing after a take-over, a pause, and for jobs that were postponed.
        """
        self._take_over_stale()
        if workflows := self._launched_workflows():
            self._enqueue_missing(workflows)

    def delete_ended(self) -> None:
        """Deletes the rows of jobs that ended long ago, and the records of ended durable calls.

        The transcripts of the jobs stay. Durable calls that are not launched delete their records then.
        """
        self._repository.delete_ended_before(written(self.clock() - timedelta(days=ROWS_KEPT_DAYS)))
        if workflows := self._launched_workflows():
            workflows.delete_ended()

    def remove_orphans(self) -> None:
        """Deletes old uploads of no job, such as those whose folder was away when their jobs ended."""
        if self._folders.are_mounted():
            self._folders.remove_orphans(self._wanted_uploads)

    def _wanted_uploads(self) -> list[str]:
        kept = self._repository.ended_without_transcript(since=self.uploads_kept_since())
        return [job.audio for job in (*self._repository.unfinished(), *kept)]

    def _launched_workflows(self) -> Workflows | None:
        if self._launched and self._launched.done() and not self.problem() and not self.stopping.is_set():
            return self._launched.result()
        return None

    def _take_over_stale(self) -> None:
        self._workers.register_missing()
        for worker in self.workers():
            if not worker.is_stale or not self.shares_storage(worker) or worker.id == self._this.id:
                continue
            try:
                result = self.take_over(worker.id, allow_loss=False)
            except (NotFound, Conflict):  # another worker was quicker, or it is alive again
                continue
            log.warning("Took over %s jobs of the worker on %s", len(result.freed), worker.host)

    def _queue_url(self) -> str:
        if self.database.is_sqlite:
            return prepare_queue_file(self._folders.data_dir / "queue.sqlite", written(self.clock()))
        return self.database.url.render_as_string(hide_password=False)


def _log_failure(launched: "Future[Workflows]") -> None:
    if failure := launched.exception():
        log.error("The queue could not start", exc_info=failure)
