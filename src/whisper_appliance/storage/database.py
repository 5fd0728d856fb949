"""The database of the appliance: one SQLite file, or PostgreSQL by URL. Errors come out as sentences."""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from whisper_appliance.core.errors import (
    AlreadyRunning,
    ApplianceError,
    BadSetting,
    DatabaseDamaged,
    DiskFull,
    Unavailable,
)

BUSY_SECONDS = 10.0
IDLE_IN_TRANSACTION_SECONDS = 20
RETRY_SECONDS = 5.0
DISK_FULL_BYTES = 256 * 1024
UPGRADE_LOCK = 0x77686170  # any number that no other program takes as its advisory lock
TRANSIENT_STATES = ("25P03", "25006")  # PostgreSQL: it fell asleep within a transaction; read-only for now
_MIGRATING = threading.Lock()  # what a migration speaks to is the whole process's
NOT_A_DATABASE = ("file is not a database", "malformed", "file is encrypted")


@contextlib.contextmanager
def locked_folder(folder: Path, *, timeout_seconds: float = 0.5) -> Iterator[None]:
    """Holds the data folder for this process; the kernel lets go of it even after kill -9.

    Raises `AlreadyRunning` when another process holds it for longer than the patience.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        give_up = time.monotonic() + timeout_seconds
        while not _locked(file.fileno()):
            if time.monotonic() >= give_up:
                file.seek(0)
                holder = file.read(20).strip() or "unknown"
                raise AlreadyRunning(
                    f"{folder} is already in use by another whisper-appliance (process {holder}). "
                    "Stop that one, or give this one a DATA_DIR of its own."
                )
            time.sleep(0.05)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class DriverConnection(Protocol):
    """The driver's own connection, as far as it is spoken to directly."""

    def execute(self, statement: str, /) -> object: ...
    def commit(self) -> object: ...


class Database:
    """Connections for reading and for writing, each one a transaction.

    SQLite: WAL, every commit on disk before it returns (`synchronous=FULL`), writers one after the other.
    Raises `DatabaseDamaged`, `DiskFull` or `Unavailable` (locked for long, no server), no driver's errors.
    """

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS, scratch: bool = False) -> None:
        """`url` is `sqlite:////path/to/file` or `postgresql://...`; nothing is opened yet.

        A `draft` is a SQLite file that is thrown away unless it is finished: it is written without a journal.
        Raises `BadSetting` for another one, and when the driver for PostgreSQL is not installed.
        """
        self.url = _read_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._busy_seconds = busy_seconds
        self._scratch = scratch
        self._engine = self._sqlite_engine() if self.is_sqlite else self._postgresql_engine()
        self._writer = self._engine.execution_options(immediate=True)
        # Writers of this process queue here, in order; SQLite itself would let them poll and starve.
        self._writing: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if self.is_sqlite:
            self._writing = _WriterLock(busy_seconds)

    @classmethod
    def in_folder(cls, folder: Path, url: str | None = None) -> "Database":
        """The database of a data folder: `appliance.sqlite` in it, unless a URL says otherwise."""
        return cls(url or f"sqlite:///{folder / 'appliance.sqlite'}")

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one moment of the database and waits for no writer."""
        with self._translated_errors(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that is on disk when the block ends, and undone when the block raises."""
        with self._writing, self._translated_errors(), self._writer.begin() as connection:
            yield connection

    def upgrade(self, migrations: Path) -> None:
        """Brings the tables to the newest revision in the Alembic folder. Safe to call at every start.

        Raises `DatabaseDamaged` also when a newer version of the appliance has written the database.
        """
        revisions = sorted(path.name.split("_")[0] for path in (migrations / "versions").glob("[0-9]*.py"))
        if self.is_sqlite:
            self._create_folder()
        if self.revision() == revisions[-1]:
            return  # Alembic's import alone takes a third of a second of the start
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(sa.text("SET LOCAL lock_timeout = 0"))  # another one's upgrade may be long
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
            stored = _stored_revision(connection)
            if stored is not None and stored not in revisions:
                raise DatabaseDamaged(
                    f"{self.name} was written by a newer version of the appliance (revision {stored}). "
                    "Install that version again, or restore a backup of before its first start."
                )
            _migrate(connection, migrations)

    def revision(self) -> str | None:
        """The stored revision of the tables, None for an empty database."""
        with self.read() as connection:
            return _stored_revision(connection)

    @property
    def name(self) -> str:
        """What to call the database in a message: the file, or the URL without its password."""
        if self.is_sqlite:
            return str(self.url.database)
        return self.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Closes every connection that is not in use."""
        self._engine.dispose()

    def _sqlite_engine(self) -> sa.Engine:
        engine = sa.create_engine(
            self.url, pool_size=16, max_overflow=-1, connect_args={"timeout": self._busy_seconds}
        )
        sa.event.listen(engine, "connect", _prepare_scratch if self._scratch else _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _postgresql_engine(self) -> sa.Engine:
        impatient = {"connect_timeout": 10}
        try:
            engine = sa.create_engine(
                self.url, pool_size=10, max_overflow=20, pool_pre_ping=True, connect_args=impatient
            )
        except ModuleNotFoundError:
            raise BadSetting("DATABASE_URL needs psycopg: install whisper-appliance[postgres].") from None
        sa.event.listen(engine, "connect", end_idle_transactions)
        sa.event.listen(engine, "connect", self._wait_for_locks)
        return engine

    def _wait_for_locks(self, connection: DriverConnection, _record: object) -> None:
        connection.execute(f"SET lock_timeout = '{round(self._busy_seconds * 1000)}ms'")
        connection.commit()

    def _create_folder(self) -> None:
        if self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except NoConnection as error:
            raise _unavailable("The database has no connection to spare.") from error
        except (DBAPIError, sqlite3.Error) as error:
            # Rows are copied from one database to another; each speaks for itself.
            ours = isinstance(getattr(error, "orig", error), sqlite3.Error) == self.is_sqlite
            spoken = self._error_for(error) if ours else None
            if spoken is None:
                raise
            raise spoken from error

    def _error_for(self, error: DBAPIError | sqlite3.Error) -> ApplianceError | None:
        """What the driver's error means to a person; None for a fault of our own (a broken constraint)."""
        said = str(error.orig if isinstance(error, DBAPIError) else error).lower()
        if any(words in said for words in NOT_A_DATABASE) or _is_bare_database_error(error):
            return DatabaseDamaged(
                f"The database {self.name} is damaged and was left as it is ({said}). "
                "Move it aside and put a backup in its place, or start without it."
            )
        if "disk is full" in said or "no space left" in said or ("i/o error" in said and self._disk_is_full()):
            return DiskFull(f"The disk of {self.name} is full; free some space.", retry_after_seconds=60)
        passing = getattr(getattr(error, "orig", None), "sqlstate", None) in TRANSIENT_STATES
        if passing or isinstance(error, OperationalError | sqlite3.OperationalError):
            locked = any(word in said for word in ("locked", "busy", "lock timeout"))
            what = "is locked by another program" if locked else f"does not answer ({said.splitlines()[0]})"
            return _unavailable(f"The database {what}.")
        return None

    def _disk_is_full(self) -> bool:
        """Where SQLite finds no room for its shared memory, it only says "disk I/O error"."""
        folder = Path(self.url.database or ".").parent
        return self.is_sqlite and folder.is_dir() and shutil.disk_usage(folder).free < DISK_FULL_BYTES


class _WriterLock:
    """A lock with a limit on how long one waits for it."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._seconds = seconds

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._seconds):
            raise Unavailable(
                "The database is busy. Try again in a moment.", retry_after_seconds=RETRY_SECONDS
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _unavailable(what: str) -> Unavailable:
    return Unavailable(f"{what} Try again in a moment.", retry_after_seconds=RETRY_SECONDS)


def _is_bare_database_error(error: Exception) -> bool:
    """SQLite reports damage it finds late as a bare DatabaseError."""
    plain = isinstance(error, DBAPIError) and type(error) is DatabaseError
    return plain or type(error) is sqlite3.DatabaseError


def _read_url(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
    except ArgumentError:
        raise BadSetting("DATABASE_URL is not a URL; write postgresql://user:password@host/name.") from None
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise BadSetting("DATABASE_URL must begin with postgresql://, or be empty for SQLite in DATA_DIR.")
    return url


def end_idle_transactions(connection: DriverConnection, _record: object) -> None:
    """For a pool's `connect`: PostgreSQL ends the transaction of a machine that fell asleep within it.

    Else its locks would stay, and nobody could take its jobs over.
    """
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'")
    connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver must not begin transactions by itself: BEGIN IMMEDIATE is ours to say.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_scratch(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=OFF", "synchronous=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _stored_revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _migrate(connection: sa.Connection, migrations: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    with _MIGRATING:
        command.upgrade(config, "head")
