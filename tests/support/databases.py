"""Real databases for tests: a SQLite file, or a PostgreSQL database of the test's own if a server answers."""

import contextlib
import secrets
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from whisper_appliance.storage.database import Database
from whisper_appliance.storage.migrations import FOLDER

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
    database.upgrade(FOLDER)
    try:
        yield database
    finally:
        database.close()
