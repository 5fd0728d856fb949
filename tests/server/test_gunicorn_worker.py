"""What the worker adds to gunicorn's objects, the rest of a refused body, and whether a client has gone."""

import gc
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn import http
from gunicorn.config import Config

from tests.support.wait import wait_until
from whisper_appliance.server import gunicorn_worker
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
