"""Races: many threads do the same at once, over the connections of two appliances to one database."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
def two_databases(database: Database) -> Iterator[tuple[Database, Database]]:
    """The connections of two programs to one database.

    On PostgreSQL they are two appliances, on SQLite an appliance and its command line.
    """
    url = database.url.render_as_string(hide_password=False)
    both = Database(url, busy_seconds=60), Database(url, busy_seconds=60)
    for each in () if database.is_sqlite else both:
        # The server has 100 connections for all tests that run at the same time.
        each._engine.pool._max_overflow = 0  # type: ignore[attr-defined]
    yield both
    for each in both:
        each.close()
