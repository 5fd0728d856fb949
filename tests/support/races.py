"""Races: many threads do the same at once, over the connections of two appliances to one database."""

import fcntl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

import pytest

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.storage.database import Database

THREADS = 32
T = TypeVar("T")


def race(sides: Sequence[T], act: Callable[[T], object]) -> Counter[str]:
    """Runs `act` in all threads at once, in turn for each side; counts "ok" and the classes of errors."""
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> str:
        barrier.wait()
        try:
            act(sides[number % len(sides)])
        except ApplianceError as error:
            return type(error).__name__
        return "ok"

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(run, range(THREADS)))


@pytest.fixture
def two_databases(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Database]]:
    """The connections of two programs to one database.

    On PostgreSQL they are two appliances, on SQLite an appliance and its command line. The workers of a test
    run take turns, because a race takes a third of the connections that PostgreSQL allows.
    """
    url = database.url.render_as_string(hide_password=False)
    with (tmp_path_factory.getbasetemp().parent / "races.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with closing(Database(url, busy_seconds=60)) as one, closing(Database(url, busy_seconds=60)) as two:
            yield one, two
