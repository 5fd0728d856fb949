"""Durable calls by DBOS: each survives a crash. Only this module imports DBOS.

A call does not stand for a certain job: it runs the job that is next when it starts. So there are as many
calls as waiting jobs, and their order can change at any time. DBOS stores nothing that the tables of jobs do
not hold: its own SQLite file can be lost without losing a job.
"""

import logging
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from whisper_appliance.core.errors import BadSetting, Unavailable
from whisper_appliance.jobs.lanes import Lane
from whisper_appliance.storage.database import end_idle_transactions

VERSION = "2"  # of the signature of a call; with the appliance's version, an update would strand open calls
POLL_SECONDS = 0.5
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
MAX_DELETED = 10_000
NOTIFICATION_POLL_SECONDS = (
    0.1  # DBOS polls for messages, of which there are none; its shutdown waits for this thread
)


def check_sqlite() -> None:
    """Raises `BadSetting` if this SQLite is too old for the tables that DBOS makes from Python 3.12 on."""
    if sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42):
        raise BadSetting(
            "This Python {python} has SQLite {sqlite}. With Python 3.12 or newer, the queue needs "
            "SQLite 3.42 or newer. Use Python 3.11, or a Python with a newer SQLite.",
            python=".".join(map(str, sys.version_info[:3])),
            sqlite=sqlite3.sqlite_version,
        )


class ShuttingDown(BaseException):
    """Raised inside a durable call when the appliance stops; the call stays open and runs again later.

    Not an `Exception`, because DBOS ends a call for good if it raises one.
    """


class Workflows:
    """Durable calls of `run(lane, job_id)`. There can be one instance in a process at a time.

    Methods raise `Unavailable` if DBOS's database cannot be used at the moment.
    """

    def __init__(
        self,
        url: str,
        *,
        executor_id: str,
        place: str,
        queues: Mapping[Lane, int],
        run: Callable[[Lane, str], None],
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
        """Starts DBOS, which resumes calls that a crash interrupted. Takes about a second.

        Call `close` if this raises.
        """
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
        def call(lane: Lane, job_id: str) -> None:
            self._run(lane, job_id)

        self._call = call
        try:
            DBOS.launch()
            for name, at_once in self._queues.items():
                DBOS.register_queue(name, worker_concurrency=at_once, polling_interval_sec=POLL_SECONDS)
        except OperationalError as error:  # others, such as a missing right, do not pass
            raise _unavailable() from error

    def _on_connect(self) -> Callable[..., None]:
        return _set_synchronous_normal if self._url.startswith("sqlite:") else end_idle_transactions

    def start(self, lane: Lane, job_id: str) -> None:
        """Starts a call for a job that has a reserved slot now, in a thread of its own."""
        from dbos import DBOS

        with _translated_errors():
            DBOS.start_workflow(self._call, lane, job_id)

    def enqueue(self, lane: Lane) -> None:
        """Enqueues a call; it runs the next job of its lane when the lane has capacity."""
        from dbos import DBOS

        with _translated_errors():
            DBOS.enqueue_workflow(lane, self._call, lane, "")

    def enqueue_missing(self, waiting: Mapping[Lane, int]) -> None:
        """Enqueues calls until each lane has at least as many as jobs are `waiting` there.

        A call for which no job is left ends at once.
        """
        for lane, count in waiting.items():
            for _ in range(count - self._enqueued(lane)):
                self.enqueue(lane)

    def _enqueued(self, lane: Lane) -> int:
        from dbos import DBOS

        with _translated_errors():
            found = DBOS.list_workflows(
                status=["ENQUEUED", "DELAYED"],
                queue_name=lane,
                app_version=self._version,
                load_input=False,
                load_output=False,
            )
        return len(found)

    def delete_ended(self) -> None:
        """Deletes the records of calls that have ended."""
        from dbos import DBOS

        with _translated_errors():
            found = DBOS.list_workflows(
                status=ENDED,
                app_version=self._version,
                limit=MAX_DELETED,
                load_input=False,
                load_output=False,
            )
            if ended := [call.workflow_id for call in found]:
                DBOS.delete_workflows(ended)

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
        raise _unavailable() from error


def _unavailable() -> Unavailable:
    return Unavailable("The queue cannot store jobs now. Try again.", retry_after_seconds=5)


def _set_synchronous_normal(connection: sqlite3.Connection, _record: object) -> None:
    # A power cut may lose the latest calls, which are made again from the rows of their jobs. So a request
    # need not wait until this file is on the disk as well.
    connection.execute("PRAGMA synchronous=NORMAL")
