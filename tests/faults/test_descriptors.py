"""No file descriptors are left: the program goes on with what it accepted, and says what it refuses."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.support.faults import Serve, decoded_windows
from tests.support.https_client import Visitor
from tests.support.live_client import client
from tests.support.program import Server
from tests.support.speech import spoken
from tests.support.wait import wait_until
from whisper_appliance.core.descriptors import RESERVED

pytestmark = pytest.mark.slow  # starts the real program

ONE_CLIENT_MAY = {
    "MAX_CONNECTIONS_PER_ADDRESS": "0",
    "CONNECTION_RATE_PER_ADDRESS": "0",
    "EVENT_STREAMS_PER_CLIENT": "100",
    "HEADER_SECONDS": "60",
}


@contextmanager
def limited(web: psutil.Process, free: int) -> Iterator[None]:
    """The process may open so many more descriptors than it has now."""
    before = web.rlimit(resource.RLIMIT_NOFILE)
    web.rlimit(resource.RLIMIT_NOFILE, (web.num_fds() + free, before[1]))
    try:
        yield
    finally:
        web.rlimit(resource.RLIMIT_NOFILE, before)


def stream_of(server: Server, job: str, opened: ExitStack) -> bool:
    """Opens a stream of events and keeps it; whether the server took it."""
    try:
        connection = opened.enter_context(server.connect())
        connection.sendall(f"GET /api/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return connection.recv(12) == b"HTTP/1.1 200"
    except OSError:
        return False


def answers(visitor: Visitor) -> bool:
    """Whether /health answers over a new connection."""
    try:
        return bool(visitor.health())
    except OSError:
        return False


def test_without_descriptors_uploads_are_refused_and_nothing_accepted_is_lost(
    serve: Serve, tmp_path: Path
) -> None:
    with serve(**ONE_CLIENT_MAY) as server:
        visitor = Visitor(server)
        (web,) = psutil.Process(server.process.pid).children()
        (tmp_path / "hold").touch()
        job = visitor.put("one hold two three")
        wait_until(lambda: decoded_windows(tmp_path)["one"])

        with limited(web, RESERVED + 8), ExitStack() as opened:
            for _ in range(2 * RESERVED):  # they say nothing, so that new ones take their places
                with suppress(OSError):
                    opened.enter_context(server.connect())
            wait_until(lambda: answers(visitor))
        with limited(web, RESERVED + 8), ExitStack() as opened:
            while (refused := visitor.send("more", **{"async": "1"})).status == 202:
                assert stream_of(server, job, opened)
            assert (refused.status, refused.code) == (503, "unavailable")
            assert refused.headers["Retry-After"]
            assert "connections open" in refused.json["error"]["message"]
            assert answers(visitor)
            assert visitor.job(job)["status"] == "running"
            while stream_of(server, job, opened):
                pass
        with limited(web, 0), ExitStack() as opened:
            for _ in range(5):
                opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            (tmp_path / "hold").unlink()
            wait_until(lambda: decoded_windows(tmp_path)["three"])

        assert visitor.ended(job)["status"] == "done"
        assert visitor.text(job) == "one hold two three"
        assert visitor.ended(visitor.put("said after"))["status"] == "done"
        assert psutil.Process(server.process.pid).children()[0].pid == web.pid
        refusals = visitor.request("/metrics").body.decode()
        assert 'limit="descriptors"' in refusals
    assert decoded_windows(tmp_path)["hold"] == 1


def test_without_descriptors_a_live_session_loses_nothing_and_new_ones_are_refused(serve: Serve) -> None:
    with serve(**ONE_CLIENT_MAY) as server, client(server) as speaker, client(server) as other:
        (web,) = psutil.Process(server.process.pid).children()
        opened = speaker.start()
        have = speaker.stream(opened, spoken(1, 3))
        with limited(web, RESERVED // 2):  # not one less: a number that was given back counts as free too
            refused = other.call("live:start", {"v": 1})
            assert (refused["ok"], refused["code"]) == (False, "unavailable")
            assert "connections open" in refused["message"]
            have = speaker.stream(opened, spoken(3, 4), have)
        with limited(web, 0):
            refused = other.call("live:start", {"v": 1})
            assert (refused["ok"], refused["code"]) == (False, "unavailable")
            have = speaker.stream(opened, spoken(4, 5), have)
        ended = speaker.stop(opened, speaker.stream(opened, spoken(5, 6), have))
        assert ended["text"] == "w1 w2 w3 w4 w5"
        again = other.start()
        assert other.stop(again, other.stream(again, spoken(1, 2)))["text"] == "w1"
        assert psutil.Process(server.process.pid).children()[0].pid == web.pid
