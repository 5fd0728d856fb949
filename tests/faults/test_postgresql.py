"""PostgreSQL dies, is locked, or gives no connections: jobs wait visibly and are done once."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from tests.support.faults import Serve, decoded_windows
from tests.support.https_client import PATIENCE_SECONDS, Visitor
from tests.support.postgresql_server import PostgresqlServer, postgresql_server
from tests.support.wait import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]  # starts the real program, and a database


@contextmanager
def dead(database: PostgresqlServer) -> Iterator[None]:
    """It crashes, and is started again."""
    database.kill()
    try:
        yield
    finally:
        database.start()


Fault = Callable[[PostgresqlServer], AbstractContextManager[None]]
FAULTS: dict[str, Fault] = {
    "dead": dead,
    "full": PostgresqlServer.out_of_connections,
    "locked": PostgresqlServer.locked,
}
FEW_CONNECTIONS, SUPERUSER_CONNECTIONS, CONNECTIONS_TO_START = 15, 3, 2
ONE_CLIENT_MAY = {
    "MAX_CONNECTIONS_PER_ADDRESS": "0",
    "CONNECTION_RATE_PER_ADDRESS": "0",
    "REQUESTS_PER_MINUTE": "100000",
    "UPLOADS_PER_MINUTE": "100000",
}
UPLOADS, SENDERS, READERS = 12, 4, 12


def test_jobs_wait_for_the_database_and_are_done_once(serve: Serve, tmp_path: Path) -> None:
    with postgresql_server() as database, serve(DATABASE_URL=database.url) as server:
        visitor, jobs = Visitor(server), {}
        for name, fault in FAULTS.items():
            (tmp_path / "hold").touch()
            words = f"{name}1 hold {name}2 {name}3"
            job = visitor.put(words)
            jobs[job] = words
            wait_until(partial(lambda job: visitor.job(job)["progress"] > 0, job))
            with fault(database):
                assert "database" in wait_until(visitor.reasons)
                refused = visitor.send("more", **{"async": "1"})
                assert (refused.status, refused.code) == (503, "unavailable")
                assert refused.headers["Retry-After"]
                (tmp_path / "hold").unlink()
                wait_until(lambda: decoded_windows(tmp_path)["hold"] == len(jobs))
            wait_until(lambda: not visitor.reasons())
            assert visitor.ended(job)["error"] is None
            assert visitor.text(job) == words
        with psycopg.connect(database.url) as connection:
            kept = connection.execute("SELECT id FROM transcripts ORDER BY id").fetchall()
    assert [id for (id,) in kept] == sorted(jobs)
    assert decoded_windows(tmp_path) == Counter(word for words in jobs.values() for word in words.split())


def test_jobs_are_done_once_where_the_database_gives_few_connections(serve: Serve) -> None:
    with postgresql_server(FEW_CONNECTIONS) as database:
        with serve(DATABASE_URL=database.url, **ONE_CLIENT_MAY) as server:
            visitor = Visitor(server)
            jobs = {visitor.put("said before"): "said before"}
            assert visitor.ended(next(iter(jobs)))["error"] is None
            with ThreadPoolExecutor(SENDERS) as senders, read_by_many(visitor) as answers:
                said = [f"a{number} b{number}" for number in range(UPLOADS)]
                sent = senders.map(partial(accepted, visitor), said)
                with database.out_of_connections():  # the clients of one address alone do not need so many
                    wait_until(lambda: 503 in answers, PATIENCE_SECONDS)
                jobs |= zip(sent, said, strict=True)
            assert answers <= {200, 503}
            for job, words in jobs.items():
                assert visitor.ended(job)["error"] is None
                assert visitor.text(job) == words
        with psycopg.connect(database.url) as connection:
            kept = connection.execute("SELECT id FROM transcripts ORDER BY id").fetchall()
    assert [id for (id,) in kept] == sorted(jobs)


def test_the_queue_starts_once_the_database_gives_it_connections(serve: Serve) -> None:
    with postgresql_server(FEW_CONNECTIONS) as database, ExitStack() as opened:
        with ExitStack() as others:
            for _ in range(FEW_CONNECTIONS - SUPERUSER_CONNECTIONS - CONNECTIONS_TO_START):
                others.enter_context(psycopg.connect(database.url))
            visitor = Visitor(opened.enter_context(serve(DATABASE_URL=database.url)))
            assert "database" in wait_until(visitor.reasons)
            refused = visitor.send("more", **{"async": "1"})
            assert (refused.status, refused.code) == (503, "unavailable")
            assert refused.headers["Retry-After"]
        wait_until(lambda: not visitor.reasons())
        job = visitor.put("said after")
        assert visitor.ended(job)["error"] is None


def accepted(visitor: Visitor, words: str) -> str:
    """Sends an upload again until it is accepted; the id of its job."""

    def attempt() -> str:
        answer = visitor.send(words, **{"async": "1"})
        assert answer.status in (202, 429, 503), answer
        return str(answer.json["id"]) if answer.status == 202 else ""

    return wait_until(attempt, PATIENCE_SECONDS)


@contextmanager
def read_by_many(visitor: Visitor) -> Iterator[set[int]]:
    """Many clients read the list all the time; the statuses that they get."""
    answers: set[int] = set()
    over = Event()

    def read() -> None:
        while not over.is_set():
            answers.add(visitor.request("/api/transcripts").status)

    readers = [Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        yield answers
    finally:
        over.set()
        for reader in readers:
            reader.join()
