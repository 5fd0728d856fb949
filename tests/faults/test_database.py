"""The database is locked by another program, or damaged."""

import random
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.support.faults import Serve, decoded_windows
from tests.support.https_client import Visitor
from tests.support.program import REAL, start
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

LOCKED_SECONDS = 8.0
READ_PAUSE_SECONDS = 0.1
"""One address may open only so many connections in a second."""


@contextmanager
def locked(*files: Path) -> Iterator[None]:
    """Another program holds a write transaction on the databases."""
    with ExitStack() as held:
        for file in files:
            other = held.enter_context(closing(sqlite3.connect(file, isolation_level=None, timeout=20)))
            other.execute("BEGIN IMMEDIATE")
            held.callback(other.rollback)
        yield


def test_a_database_locked_from_outside_is_waited_for(serve: Serve, tmp_path: Path) -> None:
    files = [tmp_path / "data" / name for name in ("appliance.sqlite", "queue.sqlite")]
    with serve(WINDOW_SECONDS="0.1", UPLOADS_PER_USER="4") as server:
        visitor = Visitor(server)
        old = visitor.put("said before")
        assert visitor.ended(old)["status"] == "done"
        (tmp_path / "hold").touch()
        running = visitor.put("one hold two three")
        wait_until(lambda: decoded_windows(tmp_path)["one"])
        with ThreadPoolExecutor(8) as writers:
            with locked(*files):
                sent = [writers.submit(visitor.send, "more", **{"async": "1"}) for _ in range(4)]
                deleted = writers.submit(visitor.request, f"/api/transcripts/{old}", "DELETE")
                (tmp_path / "hold").unlink()
                read_on(visitor, old)
            answers = [answer.result() for answer in (deleted, *sent)]
        for answer in answers:
            assert answer.status in (202, 204) or (answer.status == 503 and answer.headers["Retry-After"])
        assert visitor.ended(running)["status"] == "done"
        assert visitor.text(running) == "one hold two three"
        for answer in answers[1:]:
            if answer.status == 202:
                assert visitor.ended(answer.json["id"])["status"] == "done"
        assert visitor.ended(visitor.put("said after"))["status"] == "done"
        wait_until(lambda: not visitor.reasons())
    assert {decoded_windows(tmp_path)[word] for word in ("one", "hold", "two", "three")} == {1}


def read_on(visitor: Visitor, id: str) -> None:
    """Readers do not wait for the writer."""
    until_locked_long_enough = time.monotonic() + LOCKED_SECONDS
    while time.monotonic() < until_locked_long_enough:
        assert visitor.text(id) == "said before"
        assert visitor.health()
        time.sleep(READ_PAUSE_SECONDS)


def test_a_damaged_database_stops_the_start_and_is_not_changed(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "data/appliance.sqlite"
    with serve() as server:
        visitor = Visitor(server)
        visitor.ended(visitor.put("words"))
    with file.open("r+b") as database:
        database.write(random.Random(1).randbytes(4096))
    before = file.read_bytes()
    program = start(tmp_path, REAL)
    assert program.wait(60) == 1
    said = (tmp_path / "stderr").read_text()
    assert said.startswith(f"Error: The database {file} is damaged and was left as it is")
    assert "Traceback" not in said
    assert file.read_bytes() == before
