"""What the worker adds to gunicorn's objects, the rest of a refused body, and whether a client has gone."""

import gc
import selectors
import socket
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn import http
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from tests.support.wait import wait_until
from whisper_appliance.server import gunicorn_worker
from whisper_appliance.server.client_turns import ClientTurns
from whisper_appliance.server.gunicorn_worker import ApplianceWorker
from whisper_appliance.web.uploads import drain


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_a_request_and_its_reader_are_freed_with_the_connection() -> None:
    client, server = socket.socketpair()
    with closing(client), closing(server), without_garbage_collection():
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab")
        parser: Any = http.get_parser(Config(), server, ("127.0.0.1", 1))
        request: Any = next(parser)
        conn: Any = SimpleNamespace(parser=parser)
        gunicorn_worker._announce_pieces(request.unreader)
        gunicorn_worker._close_if_unread(request, conn)
        assert request.body.read() == b"ab"
        assert request.should_close() is False
        freed = [weakref.ref(each) for each in (request, request.unreader, parser)]
        del request, parser, conn
        assert [each() for each in freed] == [None, None, None]


def test_a_client_that_has_gone_is_told_from_one_that_waits() -> None:
    client, server = socket.socketpair()
    with closing(server):
        with closing(client):
            client.sendall(b"a request")
            assert not gunicorn_worker.has_left(server, half=True)
            client.shutdown(socket.SHUT_WR)
            assert gunicorn_worker.has_left(server, half=True)
            assert not gunicorn_worker.has_left(server), "it may read the response"
        assert gunicorn_worker.has_left(server), "also while its request has not been read"


@pytest.mark.parametrize("drop", [b"a", b""], ids=["dripping", "silent"])
def test_the_rest_of_a_refused_body_is_discarded_for_a_limited_time(drop: bytes) -> None:
    client, server = socket.socketpair()
    with closing(client), closing(server):
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n")
        parser: Any = http.get_parser(Config(), server, ("127.0.0.1", 1))
        request: Any = next(parser)
        gunicorn_worker._announce_pieces(request.unreader)
        environ = {"wsgi.input": request.body, "gunicorn.socket": server}
        thread = threading.Thread(target=drain, args=(environ, 0.2), daemon=True)
        thread.start()

        def is_over() -> bool:
            client.sendall(drop)
            return not thread.is_alive()

        wait_until(is_over, reason="the body is still being read")


def idle_worker(addresses: list[str], opened: ExitStack, *, proxies: int = 0) -> tuple[Any, list[TConn]]:
    """A worker that keeps so many idle connections, and one more of the last address whose request ends."""
    worker: Any = ApplianceWorker.__new__(ApplianceWorker)
    worker.app = SimpleNamespace(settings=SimpleNamespace(trusted_proxies=proxies))
    worker.cfg, worker.alive, worker.max_keepalived = Config(), True, 100
    worker.poller = opened.enter_context(selectors.DefaultSelector())
    worker.pending_conns, worker.keepalived_conns = deque(), deque()
    worker._turns, worker._handshakes = ClientTurns(lambda conn: None), {}
    worker.nr_conns, worker._most_idle = len(addresses), len(addresses) - 1
    connections = []
    for address in addresses:
        here, _there = map(opened.enter_context, socket.socketpair())
        connections.append(TConn(worker.cfg, here, (address, 1), ("127.0.0.1", 2)))
        connections[-1].init()
        done: Future[object] = Future()
        done.set_result(True)
        worker.finish_request(connections[-1], done)
    return worker, connections


def test_of_idle_connections_the_oldest_of_who_has_the_most_is_closed() -> None:
    with ExitStack() as opened:
        worker, connections = idle_worker(["b", "a", "a", "a", "a"], opened)
        assert list(worker.keepalived_conns) == [connections[0], *connections[2:]]
        assert connections[1].sock.fileno() < 0
        assert worker.nr_conns == 4


def test_a_proxy_keeps_its_idle_connections() -> None:
    """It may send a request on one at the moment in which it would be closed."""
    with ExitStack() as opened:
        worker, connections = idle_worker(["a"] * 5, opened, proxies=1)
        assert list(worker.keepalived_conns) == connections


def test_few_connections_of_proxies_wait_until_the_response_was_read() -> None:
    with ExitStack() as opened:
        worker, (conn, other) = idle_worker(["a", "a"], opened, proxies=1)
        worker._lingering = threading.BoundedSemaphore(1)
        with worker._lingering:
            assert worker._close(conn) is gunicorn_worker.CLOSED
            assert conn.sock.fileno() < 0
        assert worker._close(other) is gunicorn_worker.CLOSED
        assert worker._lingering.acquire(blocking=False), "it is free again"
