"""Copies the rows of a PostgreSQL database to a SQLite file and back, so that a backup fits both."""

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

# Without the table of workers, because its rows are true only at this moment.
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

CheckFreeSpace = Callable[[], None]


def size_bytes(database: Database) -> int:
    """Returns the size of a PostgreSQL database on its server, compressed; a copy may be larger."""
    with database.read() as connection:
        return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())


def dump_to_sqlite(database: Database, target: Path, check_free_space: CheckFreeSpace) -> None:
    """Copies a snapshot of all rows to a new SQLite file; writers do not wait.

    `check_free_space` is called for each batch and may raise. Raises `Conflict` if the tables are not those
    of this version, `DiskFull`, `Unavailable`.
    """
    with closing(Database(f"sqlite:///{target}", scratch=True)) as file:
        migrations.upgrade(file)
        if (stored := database.revision()) != file.revision():
            raise Conflict(
                "{name} has the tables of another version of the appliance (revision {stored}), "
                "so it was not copied. Start this version once.",
                name=database.name,
                stored=stored,
            )
        # The transaction of PostgreSQL ends first, because it must not stay idle while the file is finished.
        with file.write() as copy, database.read() as source:
            source.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            source.exec_driver_sql(f"LOCK TABLE {NAMES} IN ACCESS SHARE MODE")  # excludes a restore
            _copy_rows(source, copy, check_free_space)


def restore_from_sqlite(
    file: Path,
    database: Database,
    *,
    name: str,
    worker: str,
    place: str,
    whole: bool,
    set_aside: Callable[[Callable[[Path], None]], None],
) -> None:
    """Replaces all rows of a PostgreSQL database by those of a SQLite file, in one transaction.

    `name` identifies the restore, which is not done twice. `set_aside(write)` has to call `write(path)`,
    which dumps the present rows to a file. Unfinished jobs are queued for workers with the recordings of
    `place`, or of the place they had, unless the `whole` backup is restored. Raises `Conflict` if another
    worker than `worker` uses the database, or a newer version has written it; `InvalidRequest`.
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
            # A job without a durable call gets one at the start, but a call without a job would remain.
            target.exec_driver_sql(f"DROP SCHEMA IF EXISTS {QUEUE_SCHEMA} CASCADE")
            _copy_rows(source, target)
            for table in TABLES:
                if "number" in table.c:
                    _reset_sequence(target, table)
            _requeue_unfinished(target, place, whole=whole)
            target.exec_driver_sql(f"COMMENT ON TABLE {transcripts.name} IS '{RESTORE_COMMENT}{name}'")


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translates errors that a retry would not mend."""
    try:
        yield
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", ""))
        if state == INSUFFICIENT_PRIVILEGE:
            raise Conflict("The role in DATABASE_URL has to own the tables for a restore.") from error
        from_file = isinstance(error.orig, sqlite3.Error)
        if (
            from_file
            or isinstance(error, DataError | IntegrityError)
            or state.startswith(LIMIT_EXCEEDED_CLASS)
        ):
            raise InvalidRequest(
                "PostgreSQL does not accept the rows of this backup ({kind}).", kind=type(error.orig).__name__
            ) from None
        raise


def _upgrade(database: Database) -> None:
    try:
        migrations.upgrade(database)
    except DatabaseDamaged as error:
        raise Conflict(
            "{reason} To restore nevertheless, create an empty database and set DATABASE_URL to it.",
            reason=error,
        ) from error


def _dump_rows(source: sa.Connection, path: Path) -> None:
    with closing(Database(f"sqlite:///{path}", scratch=True)) as file:
        migrations.upgrade(file)
        with file.write() as copy:
            _copy_rows(source, copy)


def _copy_rows(
    source: sa.Connection, target: sa.Connection, check_free_space: CheckFreeSpace = lambda: None
) -> None:
    for table in TABLES:
        for rows in _rows(source, table):
            check_free_space()
            target.execute(table.insert(), rows)


def _rows(source: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, object]]]:
    query = sa.select(table).order_by(*table.primary_key.columns)
    with source.execute(query.execution_options(yield_per=ROWS_PER_BATCH)) as found:
        for rows in found.mappings().partitions():
            yield [{name: _without_nul(value) for name, value in row.items()} for row in rows]


def _without_nul(value: object) -> object:
    """Removes NUL, because text in PostgreSQL has no such character."""
    return value.replace("\x00", "") if isinstance(value, str) else value


def _reset_sequence(target: sa.Connection, table: sa.Table) -> None:
    sequence = sa.func.pg_get_serial_sequence(table.name, "number")
    last = sa.select(sa.func.max(table.c.number)).scalar_subquery()
    target.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(last, 1), last.is_not(None))))


def _requeue_unfinished(target: sa.Connection, place: str, *, whole: bool) -> None:
    jobs = job_tables.jobs
    new_place = place if whole else sa.func.coalesce(jobs.c.place, place)
    unfinished = jobs.update().where(jobs.c.status.in_(UNFINISHED))
    target.execute(unfinished.values(place=new_place, worker=None, status="queued"))


def _last_restore(target: sa.Connection) -> str | None:
    table = sa.cast(transcripts.name, sa.dialects.postgresql.REGCLASS)
    comment: str | None = target.execute(sa.select(sa.func.obj_description(table, "pg_class"))).scalar()
    return comment


def _check_no_other_workers(target: sa.Connection, worker: str) -> None:
    is_alive = job_tables.workers.c.last_seen > sa.func.now() - timedelta(seconds=STALE_AFTER_SECONDS)
    others = sa.select(job_tables.workers.c.host).where(is_alive, job_tables.workers.c.id != worker)
    if hosts := target.execute(others).scalars().all():
        raise Conflict(
            "Other appliances use this database ({choices}). Stop them, wait a minute, and try again.",
            choices=", ".join(sorted(hosts)),
        )
