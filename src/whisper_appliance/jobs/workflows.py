"""Calls that outlive a crash: the one file that knows DBOS.

What is kept of a call is the id of its job and nothing else; all that matters stands in the tables of
`history`, so DBOS's own SQLite file can be lost without losing a job.
"""

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from whisper_appliance.storage.database import end_idle_transactions

VERSION = "1"  # of the shape of a call; were it the appliance's, an update would strand the open calls
POLL_SECONDS = 0.5
NOTIFICATION_POLL_SECONDS = 0.1  # the thread that looks for messages, of which there are none; a stop waits for it


class ShuttingDown(BaseException):
    """Raised inside a call when the appliance stops: the call stays open and is made again at the next start.

    Not an `Exception`, since those end a call for good.
    """


class Workflows:
    """Durable calls of `run(job_id)`. There can be one of these in a process at a time."""

    def __init__(
        self,
        url: str,
        *,
        executor: str,
        place: str,
        queues: Mapping[str, int],
        run: Callable[[str], None],
    ) -> None:
        """`executor` names this data folder; `queues` says how many calls of each may run at once.

        Of several on one database, only those with the same `place` make each other's waiting calls.
        """
        self._url = url
        self._executor = executor
        self._version = f"{VERSION}-{place}"
        self._queues = queues
        self._run = run

    def launch(self) -> None:
        """Starts the machinery; calls that a crash interrupted are made again. Takes about a second."""
        from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

        # With a handler in place DBOS adds none of its own, and its lines go where all others go.
        logging.getLogger("dbos").addHandler(logging.NullHandler())
        DBOS(
            config=DBOSConfig(
                name="whisper-appliance",
                system_database_url=self._url,
                application_version=self._version,  # DBOS hands out calls of the caller's own version only
                executor_id=self._executor,
                serializer=DBOSPortableJSONSerializer(),
                db_engine_kwargs={"pool_events": [(self._greet(), "connect")]},
                notification_listener_polling_interval_sec=NOTIFICATION_POLL_SECONDS,
                enable_otlp=False,
                log_level="ERROR",
            )
        )

        # Starts are counted in the row of the job, so DBOS must not give up by a count of its own.
        @DBOS.workflow(name="transcribe", max_recovery_attempts=None)
        def call(job_id: str) -> None:
            self._run(job_id)

        self._call = call
        DBOS.launch()
        for name, at_once in self._queues.items():
            DBOS.register_queue(name, worker_concurrency=at_once, polling_interval_sec=POLL_SECONDS)

    def _greet(self) -> Callable[..., None]:
        return _relax if self._url.startswith("sqlite:") else end_idle_transactions

    def start(self, job_id: str) -> None:
        """Makes the call now, in a thread of its own. Does nothing when it was made already."""
        from dbos import DBOS, SetWorkflowID

        with SetWorkflowID(job_id):
            DBOS.start_workflow(self._call, job_id)

    def enqueue(self, job_id: str, queue: str) -> None:
        """Makes the call when the queue has room."""
        from dbos import DBOS, SetWorkflowID

        with SetWorkflowID(job_id):
            DBOS.enqueue_workflow(queue, self._call, job_id)

    def enqueue_missing(self, lanes: Mapping[str, str], living: Collection[str]) -> None:
        """Makes the calls of those jobs (by id, with their queues) of which no living executor has one."""
        called = self._open_calls(list(lanes), living)
        missing = [id for id in lanes if id not in called]
        # A call of the same id, ended or a dead executor's, would be taken for the one that is to be made.
        self.delete(missing)
        for id in missing:
            self.enqueue(id, lanes[id])

    def _open_calls(self, job_ids: Sequence[str], living: Collection[str]) -> set[str]:
        from dbos import DBOS

        found = DBOS.list_workflows(
            workflow_ids=list(job_ids),
            status=["ENQUEUED", "DELAYED", "PENDING"],
            app_version=self._version,
            load_input=False,
            load_output=False,
        )
        return {call.workflow_id for call in found if call.status != "PENDING" or call.executor_id in living}

    def dequeue(self, job_id: str) -> None:
        """Takes a waiting call back."""
        from dbos import DBOS

        DBOS.cancel_workflow(job_id)

    def delete(self, job_ids: Iterable[str]) -> None:
        """Removes what is stored of calls that have ended."""
        from dbos import DBOS

        if ids := list(job_ids):
            DBOS.delete_workflows(ids)

    def close(self) -> None:
        """Makes no more calls. Open ones stay open."""
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True)


def _relax(connection: sqlite3.Connection, _record: object) -> None:
    # A power cut may lose the latest calls, which are made anew from the rows of their jobs; nothing breaks.
    # So who waits for a clip need not wait for this file to be written to the disk as well.
    connection.execute("PRAGMA synchronous=NORMAL")
