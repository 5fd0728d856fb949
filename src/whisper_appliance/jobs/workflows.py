"""Durable calls by DBOS: each survives a crash. Only this module imports DBOS.

DBOS stores the id of a job and nothing else, because the tables of jobs hold the rest: DBOS's own SQLite file
can be lost without losing a job.
"""

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from whisper_appliance.core.errors import Unavailable
from whisper_appliance.storage.database import end_idle_transactions

VERSION = "1"  # of the signature of a call; with the appliance's version, an update would strand open calls
POLL_SECONDS = 0.5
NOTIFICATION_POLL_SECONDS = (
    0.1  # DBOS polls for messages, of which there are none; its shutdown waits for this thread
)


class ShuttingDown(BaseException):
    """Raised inside a durable call when the appliance stops; the call stays open and runs again later.

    Not an `Exception`, because DBOS ends a call for good if it raises one.
    """


class Workflows:
    """Durable calls of `run(job_id)`. There can be one instance in a process at a time.

    Methods raise `Unavailable` if DBOS's database cannot be used at the moment.
    """

    def __init__(
        self,
        url: str,
        *,
        executor_id: str,
        place: str,
        queues: Mapping[str, int],
        run: Callable[[str], None],
    ) -> None:
        """`executor_id` is the id of this worker; `queues` maps the name of a queue to its concurrency.

        Workers on one database run each other's queued calls only if they have the same `place`.
        """
        self._url = url
        self._executor_id = executor_id
        self._version = f"{VERSION}-{place}"
        self._queues = queues
        self._run = run

    def launch(self) -> None:
        """Starts DBOS, which resumes calls that a crash interrupted. Takes about a second."""
        from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

        # With a handler in place DBOS adds none of its own, so that its lines reach our log.
        logging.getLogger("dbos").addHandler(logging.NullHandler())
        DBOS(
            config=DBOSConfig(
                name="whisper-appliance",
                system_database_url=self._url,
                application_version=self._version,  # DBOS gives a worker calls of its own version only
                executor_id=self._executor_id,
                serializer=DBOSPortableJSONSerializer(),
                db_engine_kwargs={"pool_events": [(self._on_connect(), "connect")]},
                notification_listener_polling_interval_sec=NOTIFICATION_POLL_SECONDS,
                enable_otlp=False,
                log_level="ERROR",
            )
        )

        # Attempts are counted in the row of the job, so DBOS must not stop after a count of its own.
        @DBOS.workflow(name="transcribe", max_recovery_attempts=None)
        def call(job_id: str) -> None:
            self._run(job_id)

        self._call = call
        DBOS.launch()
        for name, at_once in self._queues.items():
            DBOS.register_queue(name, worker_concurrency=at_once, polling_interval_sec=POLL_SECONDS)

    def _on_connect(self) -> Callable[..., None]:
        return _set_synchronous_normal if self._url.startswith("sqlite:") else end_idle_transactions

    def start(self, job_id: str) -> None:
        """Starts the call now, in a thread of its own. Does nothing if there is such a call already."""
        from dbos import DBOS, SetWorkflowID

        with _translated_errors(), SetWorkflowID(job_id):
            DBOS.start_workflow(self._call, job_id)

    def enqueue(self, job_id: str, queue: str) -> None:
        """Enqueues the call; it starts when its queue has capacity."""
        from dbos import DBOS, SetWorkflowID

        with _translated_errors(), SetWorkflowID(job_id):
            DBOS.enqueue_workflow(queue, self._call, job_id)

    def enqueue_missing(self, lanes: Mapping[str, str], alive: Collection[str]) -> None:
        """Enqueues the calls of jobs (id to name of the queue) for which no alive worker has a call."""
        open_calls = self._open_calls(list(lanes), alive)
        missing = [job_id for job_id in lanes if job_id not in open_calls]
        # DBOS makes no second call of the same id, so one that ended or belongs to a dead worker is deleted.
        self.delete(missing)
        for job_id in missing:
            self.enqueue(job_id, lanes[job_id])

    def _open_calls(self, job_ids: Sequence[str], alive: Collection[str]) -> set[str]:
        from dbos import DBOS

        with _translated_errors():
            found = DBOS.list_workflows(
                workflow_ids=list(job_ids),
                status=["ENQUEUED", "DELAYED", "PENDING"],
                app_version=self._version,
                load_input=False,
                load_output=False,
            )
        return {call.workflow_id for call in found if call.status != "PENDING" or call.executor_id in alive}

    def dequeue(self, job_id: str) -> None:
        """Cancels a call that has not started."""
        from dbos import DBOS

        with _translated_errors():
            DBOS.cancel_workflow(job_id)

    def delete(self, job_ids: Iterable[str]) -> None:
        """Deletes the records of calls that have ended."""
        from dbos import DBOS

        if deleted := list(job_ids):
            with _translated_errors():
                DBOS.delete_workflows(deleted)

    def close(self) -> None:
        """Starts no more calls. Open calls stay open."""
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translates the errors of DBOS's database."""
    try:
        yield
    except SQLAlchemyError as error:
        raise Unavailable("The queue cannot store jobs now. Try again.", retry_after_seconds=5) from error


def _set_synchronous_normal(connection: sqlite3.Connection, _record: object) -> None:
    # A power cut may lose the latest calls, which are made again from the rows of their jobs. So a request
    # need not wait until this file is on the disk as well.
    connection.execute("PRAGMA synchronous=NORMAL")
