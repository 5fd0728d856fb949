"""Queues that are closed again: there can be one in a process at a time."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.scripted import Script, build_queue
from whisper_appliance.jobs.queue import Queue

StartQueue = Callable[..., Queue]


def until(true: Callable[[], bool], timeout_seconds: float = 10) -> None:
    """Waits until something is true."""
    deadline = time.monotonic() + timeout_seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def start_queue(tmp_path: Path) -> Iterator[StartQueue]:
    """Starts a queue on the test's own folder; one that runs already is closed first."""
    running: list[Queue] = []

    def start(script: Script, **options: object) -> Queue:
        while running:
            running.pop().close()
        running.append(build_queue(tmp_path, script, **options))
        running[-1].launch()
        return running[-1]

    yield start
    while running:
        running.pop().close()
