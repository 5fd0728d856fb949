"""Each test of this room runs on both databases."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import postgresql, ready
from tests.history.conftest import Clock
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema import accounts as accounts_tables
from whisper_appliance.storage.schema import library as library_tables
from whisper_appliance.storage.schema.accounts import users

__all__ = ["Clock", "NewUser"]

NewUser = Callable[[str], str]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgresql_database() -> Iterator[Database]:
    """One for all tests of this room: to make one takes a second."""
    with postgresql() as url, ready(url) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        with ready(f"sqlite:///{tmp_path / 'appliance.sqlite'}") as database:
            yield database
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
