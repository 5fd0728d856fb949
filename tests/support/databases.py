"""Real databases for tests: a SQLite file, or a PostgreSQL database of the test's own if a server answers."""

import contextlib
import functools
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema import accounts as accounts_tables
from whisper_appliance.storage.schema import library as library_tables
from whisper_appliance.storage.schema.accounts import users

NewUser = Callable[[str], str]

SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a new, empty database that is dropped afterwards."""
    name = f"appliance_test_{secrets.token_hex(6)}"
    server = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 2})
    try:
        with server.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    except sa.exc.OperationalError:
        pytest.skip(f"no PostgreSQL server answers at {SERVER}")
    try:
        yield sa.make_url(SERVER).set(database=name).render_as_string()
    finally:
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


@contextlib.contextmanager
def ready(url: str) -> Iterator[Database]:
    """A database with today's tables."""
    database = Database(url, busy_seconds=2)
    migrations.upgrade(database)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture(scope="session")
def postgresql_database() -> Iterator[Database]:
    """One for all tests: to make one takes a second."""
    with postgresql() as url, ready(url) as database:
        yield database


@functools.cache
def empty_tables() -> bytes:
    """A SQLite file with today's tables, to be copied: to migrate takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "appliance.sqlite"
        with ready(f"sqlite:///{path}"):
            pass
        return path.read_bytes()


@functools.cache
def empty_queue_tables() -> bytes:
    """As `empty_tables`, for the SQLite file of the queue."""
    with tempfile.TemporaryDirectory() as folder:
        from dbos import DBOS  # a second; many tests have no queue

        path = Path(folder) / "queue.sqlite"
        DBOS.migrate(f"sqlite:///{path}")
        return path.read_bytes()


def add_empty_queue(data_dir: Path) -> None:
    """Gives a data folder the tables of the queue, unless it has some."""
    path = data_dir / "queue.sqlite"
    if not path.exists():
        path.write_bytes(empty_queue_tables())


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of `empty_tables`."""
    path = tmp_path_factory.mktemp("tables") / "appliance.sqlite"
    path.write_bytes(empty_tables())
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path, empty_sqlite: Path) -> Iterator[Database]:
    """An empty database; each test that takes it runs with SQLite and with PostgreSQL."""
    if request.param == "sqlite":
        path = shutil.copy(empty_sqlite, tmp_path / "appliance.sqlite")
        database = Database(f"sqlite:///{path}", busy_seconds=2)
        yield database
        database.close()
    else:
        shared: Database = request.getfixturevalue("postgresql_database")
        yield shared
        empty(shared)


def empty(database: Database) -> None:
    """Nothing in its tables any more."""
    with database.write() as connection:
        for each in (accounts_tables, library_tables):
            for table in reversed(each.metadata.sorted_tables):
                connection.execute(table.delete())


@pytest.fixture
def new_user(database: Database) -> NewUser:
    """Adds an account of a name, which cannot sign in; returns its id."""

    def add(name: str) -> str:
        id = secrets.token_hex(16)
        row = {"id": id, "name": name, "name_folded": name.casefold(), "password": "", "role": "member"}
        with database.write() as connection:
            connection.execute(users.insert().values(**row, created="2026-01-01T00:00:00.000Z"))
        return id

    return add
