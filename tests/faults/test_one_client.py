"""Every place for requests that take long is taken: what takes a moment is still answered."""

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.support.crowd import UPLOAD, Crowd, status_of
from tests.support.faults import Serve, rows
from tests.support.https_client import Visitor
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

PLACES, EACH = 20, 10
LIMITS = {
    "MAX_EVENT_STREAMS": str(PLACES),
    "EVENT_STREAMS_PER_CLIENT": str(EACH),
    "MAX_WEBSOCKETS": str(PLACES),
    "MAX_WEBSOCKETS_PER_ADDRESS": str(EACH),
    "MAX_WAITING_REQUESTS": str(PLACES),
    "WAITING_REQUESTS_PER_CLIENT": str(EACH),
    "HEADER_SECONDS": "300",
    "BODY_IDLE_SECONDS": "300",
}
STALLED = 100
"""More than the threads that are left when all places are taken."""
ALWAYS_ANSWERED = ("/health", "/api/status", "/sign-in")
KINDS = ("event_streams", "waiting_requests", "sockets")


def others(kind: int) -> Iterator[str]:
    """For each place the address of the client that takes it."""
    return (f"127.0.{kind}.{1 + number // EACH}" for number in range(PLACES))


def test_with_every_long_lived_place_taken_and_one_bad_client_the_rest_is_answered(
    serve: Serve, tmp_path: Path
) -> None:
    with serve(**LIMITS) as server, ExitStack() as opened:
        visitor, crowd = Visitor(server), Crowd(server, opened)
        (tmp_path / "hold").touch()
        first = visitor.put("hold")
        deque(crowd.stall("127.0.9.9", STALLED), maxlen=0)

        assert {crowd.stream(address, first) for address in others(1)} == {200}
        assert crowd.stream("127.0.1.1", first) == crowd.stream("127.0.9.1", first) == 429
        waiting = []
        for number, address in enumerate(others(3), 1):
            waiting.append(crowd.wait_for_words(address, f"hold w{number}"))
            wait_until(partial(_has_jobs, tmp_path, 1 + number))
        assert {crowd.connect(address) for address in others(2)} == {101}

        taken = visitor.request("/metrics").body.decode()
        assert [kind for kind in KINDS if f'streams{{kind="{kind}"}} {PLACES}.0' not in taken] == []
        for path in (*ALWAYS_ANSWERED, "/api/transcripts", f"/api/jobs/{first}"):
            assert visitor.request(path).status == 200, path
        beside = visitor.send("said beside")
        assert beside.status == 202, "it gets the job, because nobody else may wait"
        (tmp_path / "hold").unlink()
        assert visitor.ended(beside.json["id"])["status"] == "done"
        assert set(map(status_of, waiting)) == {200}


def _has_jobs(folder: Path, count: int) -> bool:
    return rows(folder, "SELECT count(*) FROM jobs") == [(count,)]


def test_streams_and_sockets_of_an_address_leave_its_requests_alone(serve: Serve) -> None:
    with serve(**LIMITS, REQUESTS_AT_ONCE_PER_ADDRESS="3") as server, ExitStack() as opened:
        visitor, crowd = Visitor(server), Crowd(server, opened)
        job = visitor.put("said")
        visitor.ended(job)
        assert {crowd.connect("127.0.0.1") for _ in range(EACH)} == {101}
        assert {crowd.stream("127.0.0.1", job) for _ in range(EACH)} == {200}
        assert visitor.request("/api/transcripts").status == 200


def test_behind_a_proxy_one_client_cannot_take_what_others_need(serve: Serve, tmp_path: Path) -> None:
    bad, other = "198.51.100.1", "198.51.100.2"
    few = dict.fromkeys(("UPLOADS_PER_ADDRESS", "UPLOADS_PER_USER"), "2") | {
        "WAITING_REQUESTS_PER_CLIENT": "2"
    }
    proxied = {"TRUSTED_PROXIES": "1", "REQUESTS_AT_ONCE_PER_ADDRESS": str(EACH)}
    with serve(**(LIMITS | few | proxied)) as server, ExitStack() as opened:
        visitor, crowd = Visitor(server), Crowd(server, opened, behind_proxy=True)
        (tmp_path / "hold").touch()
        first = visitor.put("hold")
        for admitted, get in ((200, partial(crowd.stream, job=first)), (101, crowd.connect)):
            assert [get(bad) for _ in range(EACH + 1)] == [admitted] * EACH + [429]
            assert get(other) == admitted
        for number in range(2):
            crowd.wait_for_words(bad, f"hold w{number}")
            wait_until(partial(_has_jobs, tmp_path, 2 + number))
        assert status_of(crowd.wait_for_words(bad, "hold w3")) == 202
        for _ in range(2):
            crowd.send(bad, UPLOAD, b"Content-Length: 60000\r\n\r\n")
        wait_until(lambda: status_of(crowd.wait_for_words(bad, "refused")) == 429)

        stalled = list(crowd.stall(bad, STALLED))
        assert len(stalled) == STALLED, "the proxy's connections are served all the time"
        assert status_of(stalled[-1]) == 429
        for path in (*ALWAYS_ANSWERED, "/api/transcripts"):
            assert visitor.request(path, X_Forwarded_For=other).status == 200, path
        (tmp_path / "hold").unlink()
        assert status_of(crowd.wait_for_words(other, "said beside")) == 200
        assert 'limit="requests"' in visitor.request("/metrics").body.decode()
