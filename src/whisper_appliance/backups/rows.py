"""The rows of a PostgreSQL database as a SQLite file, and back: a backup fits whichever of them is used."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.accounts import tables as accounts
from whisper_appliance.db import Database
from whisper_appliance.errors import Conflict, DatabaseDamaged
from whisper_appliance.history import migrations
from whisper_appliance.history import tables as history
from whisper_appliance.history.job import UNFINISHED
from whisper_appliance.history.workers import SILENT_SECONDS

# Who is at work now is no memory of anything.
TABLES: Sequence[sa.Table] = (
    *accounts.metadata.sorted_tables,
    *(table for table in history.metadata.sorted_tables if table is not history.workers),
)
ROWS_AT_ONCE = 50
QUEUE_SCHEMA = "dbos"


def size_bytes(database: Database) -> int:
    """About how large a copy of a PostgreSQL database will be."""
    with database.read() as connection:
        return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())


def write_file(database: Database, target: Path) -> None:
    """All rows of one moment, in a new SQLite file; writers are not held up.

    Raises `Conflict` where the tables are not those of this version, `DiskFull`, `Unavailable`.
    """
    with closing(Database(f"sqlite:///{target}")) as file:
        file.upgrade(migrations.FOLDER)
        if (stored := database.revision()) != file.revision():
            raise Conflict(
                f"{database.name} has the tables of another version of the appliance (revision {stored}), "
                "so it was not copied. Start this version once."
            )
        with database.read() as source, file.write() as copy:
            source.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            _copy_rows(source, copy)


def prepare(database: Database) -> None:
    """Today's tables in a PostgreSQL database that is about to get other rows.

    Raises `Conflict` where a newer version has written it: there is no way back within that database.
    """
    try:
        database.upgrade(migrations.FOLDER)
    except DatabaseDamaged as error:
        raise Conflict(
            f"{error.message} To restore nevertheless: make an empty database, name it in DATABASE_URL."
        ) from error


def read_file(file: Path, database: Database, *, worker: str, place: str) -> None:
    """Puts the rows of a SQLite file in the place of all that the PostgreSQL database holds, or does nothing.

    Unfinished jobs wait for whoever has the recordings of `place`. Raises `Conflict` while another than
    `worker` is at work on the database.
    """
    prepare(database)
    with closing(Database(f"sqlite:///{file}")) as staged:
        staged.upgrade(migrations.FOLDER)
        with staged.read() as source, database.write() as target:
            _check_alone(target, worker)
            names = ", ".join(table.name for table in TABLES)
            target.exec_driver_sql(f"TRUNCATE {names}, {history.workers.name} RESTART IDENTITY CASCADE")
            # A job without a call gets one at the start; a call without a job would be one too many.
            target.exec_driver_sql(f"DROP SCHEMA IF EXISTS {QUEUE_SCHEMA} CASCADE")
            _copy_rows(source, target)
            for table in TABLES:
                if "number" in table.c:
                    _go_on_counting(target, table)
            unfinished = history.jobs.c.status.in_(UNFINISHED)
            target.execute(
                history.jobs.update().where(unfinished).values(place=place, worker=None, status="queued")
            )


def _copy_rows(source: sa.Connection, target: sa.Connection) -> None:
    for table in TABLES:
        for rows in _rows(source, table):
            target.execute(table.insert(), rows)


def _rows(source: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, object]]]:
    question = sa.select(table).order_by(*table.primary_key.columns)
    with source.execution_options(yield_per=ROWS_AT_ONCE).execute(question) as found:
        for rows in found.mappings().partitions():
            yield [dict(row) for row in rows]


def _go_on_counting(target: sa.Connection, table: sa.Table) -> None:
    sequence = sa.func.pg_get_serial_sequence(table.name, "number")
    last = sa.select(sa.func.max(table.c.number)).scalar_subquery()
    target.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(last, 1), last.is_not(None))))


def _check_alone(target: sa.Connection, worker: str) -> None:
    lately = history.workers.c.last_seen > sa.func.now() - timedelta(seconds=SILENT_SECONDS)
    others = sa.select(history.workers.c.host).where(lately, history.workers.c.id != worker)
    if hosts := target.execute(others).scalars().all():
        raise Conflict(
            f"Other appliances work on this database ({', '.join(sorted(hosts))}). "
            "Stop them, wait a minute, and try again."
        )
