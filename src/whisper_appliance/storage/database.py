"""The database engine: one SQLite file, or PostgreSQL by URL. Translates the errors of the drivers."""

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from whisper_appliance.core.errors import (
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
TRANSIENT_STATES = ("25P03", "25006")  # PostgreSQL: ended an idle transaction; read-only at the moment
PASSING = (OperationalError, InterfaceError, InternalError, sqlite3.OperationalError, sqlite3.InternalError)
"""Errors of a server or a connection; the others are of a statement, and remain."""
NOT_A_DATABASE = ("file is not a database", "malformed", "file is encrypted")

_ADVISORY_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))")

Connection = sa.Connection  # for hooks in a transaction, so that only repositories import SQLAlchemy


class DriverConnection(Protocol):
    """The part of a driver's own connection that is used directly."""

    def execute(self, statement: str, /) -> object: ...
    def commit(self) -> object: ...


class Database:
    """Connections for reading and for writing, each one a transaction.

    SQLite: WAL, every commit is on disk before it returns (`synchronous=FULL`), one writer at a time.
    Raises `DatabaseDamaged`, `DiskFull` or `Unavailable` (locked for long, no server) instead of the errors
    of the drivers.
    """

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS, scratch: bool = False) -> None:
        """`url` is `sqlite:////path/to/file` or `postgresql://...`; nothing is opened yet.

        A `scratch` database is a SQLite file that is deleted unless it is finished, so it needs no journal.
        Raises `BadSetting` for another URL, and if the driver for PostgreSQL is not installed.
        """
        self.url = _read_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._busy_seconds = busy_seconds
        self._scratch = scratch
        self._engine = self._sqlite_engine() if self.is_sqlite else self._postgresql_engine()
        self._writer = self._engine.execution_options(immediate=True)
        # Writers of this process wait here, in order, because SQLite lets them poll and starve.
        self._writing: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if self.is_sqlite:
            self._writing = _WriterLock(busy_seconds)

    @classmethod
    def in_folder(cls, folder: Path, url: str | None = None) -> "Database":
        """Opens the database of a data folder: `appliance.sqlite` in it, unless there is a URL."""
        return cls(url or f"sqlite:///{folder / 'appliance.sqlite'}")

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Opens a connection with a snapshot of the database; it waits for no writer."""
        with self._translated_errors(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, exclusive: str = "") -> Iterator[sa.Connection]:
        """Opens a transaction; it is on disk when the block ends, and rolled back if the block raises.

        Transactions that are `exclusive` with the same name run one after the other, on all machines, so that
        what one checks is still true when it acts. On SQLite all writers do.
        """
        with self._writing, self._translated_errors(), self._writer.begin() as connection:
            if exclusive:
                self.lock(connection, exclusive)
            yield connection

    def lock(self, connection: sa.Connection, name: str) -> None:
        """Makes a transaction `exclusive` with one more name, until its end."""
        if not self.is_sqlite:
            connection.execute(_ADVISORY_LOCK, {"name": name})

    def revision(self) -> str | None:
        """Returns the stored revision of the tables, None for an empty database."""
        with self.read() as connection:
            return stored_revision(connection)

    @property
    def name(self) -> str:
        """The name of the database in messages: the file, or the URL without its password."""
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
        timeout = {"connect_timeout": 10}
        try:
            engine = sa.create_engine(
                self.url,
                pool_size=10,
                max_overflow=20,
                pool_pre_ping=True,
                connect_args=timeout,
                # What is read after a lock was waited for must be what its last holder wrote.
                isolation_level="READ COMMITTED",
            )
        except ModuleNotFoundError:
            raise BadSetting("DATABASE_URL needs psycopg: install whisper-appliance[postgres].") from None
        sa.event.listen(engine, "connect", end_idle_transactions)
        sa.event.listen(engine, "connect", self._set_lock_timeout)
        return engine

    def _set_lock_timeout(self, connection: DriverConnection, _record: object) -> None:
        connection.execute(f"SET lock_timeout = '{round(self._busy_seconds * 1000)}ms'")
        connection.commit()

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise Unavailable(
                "All connections to the database are in use. Try again in a moment.",
                retry_after_seconds=RETRY_SECONDS,
            ) from error
        except (DBAPIError, sqlite3.Error) as error:
            # Rows may be copied from one database to the other; each translates only its own errors.
            own = isinstance(getattr(error, "orig", error), sqlite3.Error) == self.is_sqlite
            translated = self._error_for(error) if own else None
            if translated is None:
                raise
            raise translated from error

    def _error_for(self, error: DBAPIError | sqlite3.Error) -> ApplianceError | None:
        """Translates a driver's error; None if it is an error of our own (such as a broken constraint)."""
        text = str(error.orig if isinstance(error, DBAPIError) else error).lower()
        if any(words in text for words in NOT_A_DATABASE) or _is_bare_database_error(error):
            return DatabaseDamaged(
                "The database {name} is damaged and was left as it is ({text}). Move it aside "
                "and put a backup in its place, or start without it.",
                name=self.name,
                text=text,
            )
        if (
            "disk is full" in text
            or "no space left" in text
            or ("i/o error" in text and self._disk_is_full())
        ):
            return DiskFull(
                "The disk of {name} is full; free some space.", name=self.name, retry_after_seconds=60
            )
        transient = getattr(getattr(error, "orig", None), "sqlstate", None) in TRANSIENT_STATES
        if transient or isinstance(error, PASSING):
            locked = any(word in text for word in ("locked", "busy", "lock timeout"))
            if locked:
                return Unavailable(
                    "The database is locked by another program. Try again in a moment.",
                    retry_after_seconds=RETRY_SECONDS,
                )
            return Unavailable(
                "The database does not answer ({error}). Try again in a moment.",
                error=text.splitlines()[0],
                retry_after_seconds=RETRY_SECONDS,
            )
        return None

    def _disk_is_full(self) -> bool:
        """SQLite reports only "disk I/O error" if it has no space for its shared memory."""
        folder = Path(self.url.database or ".").parent
        return self.is_sqlite and folder.is_dir() and shutil.disk_usage(folder).free < DISK_FULL_BYTES


class _WriterLock:
    """A lock with a timeout."""

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


def _is_bare_database_error(error: Exception) -> bool:
    """SQLite reports damage that it finds late as a bare DatabaseError."""
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
    """For a pool's `connect` event: lets PostgreSQL end the transaction of a machine that was suspended.

    Otherwise its locks would remain, and no other worker could take its jobs over.
    """
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'")
    connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver must not begin transactions by itself, because writers need BEGIN IMMEDIATE.
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


def stored_revision(connection: sa.Connection) -> str | None:
    """Returns the revision in Alembic's table, None if there is no such table."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return revision
