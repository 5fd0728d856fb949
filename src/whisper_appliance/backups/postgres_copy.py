"""The rows of a PostgreSQL database as a SQLite file, and back: a backup fits whichever of them is used."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from whisper_appliance.core.errors import Conflict, DatabaseDamaged, InvalidRequest
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema import accounts as accounts
from whisper_appliance.storage.schema import jobs as job_tables
from whisper_appliance.storage.schema.jobs import STALE_AFTER_SECONDS, UNFINISHED
from whisper_appliance.storage.schema.library import metadata, transcripts

# Who is at work now is no memory of anything.
TABLES: Sequence[sa.Table] = (
    *accounts.metadata.sorted_tables,
    *(table for table in metadata.sorted_tables if table is not job_tables.workers),
)
NAMES = ", ".join(table.name for table in TABLES)
ROWS_PER_BATCH = 5  # a transcript of many hours has megabytes
QUEUE_SCHEMA = "dbos"
RESTORE_COMMENT = "restored "
INSUFFICIENT_PRIVILEGE, LIMIT_EXCEEDED_CLASS = (
    "42501",
    "54",
)  # PostgreSQL's codes; the second is the class of a limit's

CheckRoom = Callable[[], None]


def size_bytes(database: Database) -> int:
    """About how much room a PostgreSQL database takes there, compressed; a copy may need more."""
    with database.read() as connection:
        return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())


def dump_to_sqlite(database: Database, target: Path, check_room: CheckRoom) -> None:
    """All rows of one moment, in a new SQLite file; writers are not held up.

    `check_room` is called again and again, and raises where there is too little left. Raises `Conflict` where
    the tables are not those of this version, `DiskFull`, `Unavailable`.
    """
    with closing(Database(f"sqlite:///{target}", scratch=True)) as file:
        migrations.upgrade(file)
        if (stored := database.revision()) != file.revision():
            raise Conflict(
                f"{database.name} has the tables of another version of the appliance (revision {stored}), "
                "so it was not copied. Start this version once."
            )
        # PostgreSQL is left first: it does not wait for long while a file is finished.
        with file.write() as copy, database.read() as source:
            source.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            source.exec_driver_sql(f"LOCK TABLE {NAMES} IN ACCESS SHARE MODE")  # no restore goes on meanwhile
            _copy_rows(source, copy, check_room)


def restore_from_sqlite(
    file: Path, database: Database, *, name: str, worker: str, place: str, whole: bool,
    set_aside: Callable[[Callable[[Path], None]], None],
) -> None:  # fmt: skip
    """Puts the rows of a SQLite file in the place of all that the PostgreSQL database holds, or does nothing.

    `name` is the restore's own: one that was done is not done again. `set_aside(write)` lets `write` put what
    is there into a file of its choice. Unfinished jobs wait for whoever has the recordings of `place`; where
    not `whole` of a backup is restored, for those who had them. Raises `Conflict` while another than
    `worker` is at work on the database, and where a newer version has written it; `InvalidRequest`.
    """
    _upgrade(database)
    with closing(Database(f"sqlite:///{file}")) as staged:
        migrations.upgrade(staged)
        with staged.read() as source, database.write() as target, _translated_errors():
            target.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            target.exec_driver_sql(f"LOCK TABLE {NAMES}, {job_tables.workers.name} IN ACCESS EXCLUSIVE MODE")
            if _last_restore(target) == RESTORE_COMMENT + name:
                return
            _check_no_other_workers(target, worker)
            set_aside(lambda path: _dump_rows(target, path))
            target.exec_driver_sql(f"TRUNCATE {NAMES}, {job_tables.workers.name} RESTART IDENTITY CASCADE")
            # A job without a call gets one at the start; a call without a job would be one too many.
            target.exec_driver_sql(f"DROP SCHEMA IF EXISTS {QUEUE_SCHEMA} CASCADE")
            _copy_rows(source, target)
            for table in TABLES:
                if "number" in table.c:
                    _reset_sequence(target, table)
            _requeue_unfinished(target, place, whole=whole)
            target.exec_driver_sql(f"COMMENT ON TABLE {transcripts.name} IS '{RESTORE_COMMENT}{name}'")


@contextmanager
def _translated_errors() -> Iterator[None]:
    """What will be refused again the next time is no case for patience."""
    try:
        yield
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", ""))
        if state == INSUFFICIENT_PRIVILEGE:
            raise Conflict("The role that DATABASE_URL names has to own the tables for a restore.") from error
        of_file = isinstance(error.orig, sqlite3.Error)
        if of_file or isinstance(error, DataError | IntegrityError) or state.startswith(LIMIT_EXCEEDED_CLASS):
            raise InvalidRequest(
                f"PostgreSQL does not take what is in this backup ({type(error.orig).__name__})."
            ) from None
        raise


def _upgrade(database: Database) -> None:
    try:
        migrations.upgrade(database)
    except DatabaseDamaged as error:
        raise Conflict(
            f"{error.message} To restore nevertheless: make an empty database, name it in DATABASE_URL."
        ) from error


def _dump_rows(source: sa.Connection, path: Path) -> None:
    with closing(Database(f"sqlite:///{path}", scratch=True)) as file:
        migrations.upgrade(file)
        with file.write() as copy:
            _copy_rows(source, copy)


def _copy_rows(source: sa.Connection, target: sa.Connection, check_room: CheckRoom = lambda: None) -> None:
    for table in TABLES:
        for rows in _rows(source, table):
            check_room()
            target.execute(table.insert(), rows)


def _rows(source: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, object]]]:
    question = sa.select(table).order_by(*table.primary_key.columns)
    with source.execute(question.execution_options(yield_per=ROWS_PER_BATCH)) as found:
        for rows in found.mappings().partitions():
            yield [{name: _without_nul(value) for name, value in row.items()} for row in rows]


def _without_nul(value: object) -> object:
    """PostgreSQL has no such character."""
    return value.replace("\x00", "") if isinstance(value, str) else value


def _reset_sequence(target: sa.Connection, table: sa.Table) -> None:
    sequence = sa.func.pg_get_serial_sequence(table.name, "number")
    last = sa.select(sa.func.max(table.c.number)).scalar_subquery()
    target.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(last, 1), last.is_not(None))))


def _requeue_unfinished(target: sa.Connection, place: str, *, whole: bool) -> None:
    jobs = job_tables.jobs
    where = place if whole else sa.func.coalesce(jobs.c.place, place)
    unfinished = jobs.update().where(jobs.c.status.in_(UNFINISHED))
    target.execute(unfinished.values(place=where, worker=None, status="queued"))


def _last_restore(target: sa.Connection) -> str | None:
    table = sa.cast(transcripts.name, sa.dialects.postgresql.REGCLASS)
    mark: str | None = target.execute(sa.select(sa.func.obj_description(table, "pg_class"))).scalar()
    return mark


def _check_no_other_workers(target: sa.Connection, worker: str) -> None:
    lately = job_tables.workers.c.last_seen > sa.func.now() - timedelta(seconds=STALE_AFTER_SECONDS)
    others = sa.select(job_tables.workers.c.host).where(lately, job_tables.workers.c.id != worker)
    if hosts := target.execute(others).scalars().all():
        raise Conflict(
            f"Other appliances work on this database ({', '.join(sorted(hosts))}). "
            "Stop them, wait a minute, and try again."
        )
