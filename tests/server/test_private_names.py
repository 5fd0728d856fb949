"""Names of gunicorn and flask-openapi3 that are not their public API, but that the server overrides or reads.

One claim for each name: a new version that changes one fails here, and not in a running server.
"""

import inspect
import selectors
import socket
from collections import deque

import pytest
from flask_openapi3 import APIBlueprint, OpenAPI
from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers import gthread
from gunicorn.workers.base import Worker

from whisper_appliance.server.gunicorn_worker import ApplianceWorker


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (gthread.ThreadWorker, "enqueue_req", ["self", "conn"]),
        (gthread.ThreadWorker, "accept", ["self", "listener"]),
        (gthread.ThreadWorker, "set_accept_enabled", ["self", "enabled"]),
        (gthread.ThreadWorker, "on_client_socket_readable", ["self", "conn", "client"]),
        (gthread.ThreadWorker, "on_pending_socket_readable", ["self", "conn", "client"]),
        (gthread.ThreadWorker, "handle", ["self", "conn"]),
        (gthread.ThreadWorker, "handle_request", ["self", "req", "conn"]),
        (Worker, "handle_error", ["self", "req", "client", "addr", "exc"]),
        (gthread.ThreadWorker, "finish_request", ["self", "conn", "fs"]),
        (gthread.ThreadWorker, "murder_pending", ["self"]),
        (gthread.ThreadWorker, "handle_exit", ["self", "sig", "frame"]),
        (gthread.ThreadWorker, "handle_quit", ["self", "sig", "frame"]),
        (gthread.ThreadWorker, "init_process", ["self"]),
        (gthread.TConn, "set_timeout", ["self"]),
        (util, "close_graceful", ["sock", "timeout", "max_drain"]),
        (Arbiter, "handle_hup", ["self"]),
        (Arbiter, "handle_term", ["self"]),
        (Arbiter, "handle_usr2", ["self"]),
        (Arbiter, "handle_ttin", ["self"]),
        (Arbiter, "handle_ttou", ["self"]),
        (Logger, "setup", ["self", "cfg"]),
        (Logger, "access", ["self", "resp", "req", "environ", "request_time"]),
        (OpenAPI, "generate_spec_json", ["self"]),
    ],
)
def test_an_overridden_method_has_the_same_parameters(
    owner: object, name: str, parameters: list[str]
) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_a_connection_can_be_deferred() -> None:
    assert "_DEFER" in inspect.getsource(gthread.ThreadWorker.finish_request)


def test_the_worker_counts_its_connections_in_nr_conns() -> None:
    assert "self.nr_conns -= 1" in inspect.getsource(gthread.ThreadWorker.finish_request)


def test_the_main_loop_calls_murder_pending() -> None:
    assert "self.murder_pending()" in inspect.getsource(gthread.ThreadWorker.run)


def test_a_new_connection_is_not_initialized_and_has_no_data() -> None:
    here, there = socket.socketpair()
    with here, there:
        connection = gthread.TConn(Config(), here, ("127.0.0.1", 1), ("127.0.0.1", 2))
        assert (connection.initialized, connection.data_ready) == (False, False)


def test_the_arbiter_has_exit_codes_for_a_failed_start() -> None:
    assert {Arbiter.APP_LOAD_ERROR, Arbiter.WORKER_BOOT_ERROR}.isdisjoint({0, None})


def test_blueprints_collect_their_documentation_in_one_method() -> None:
    parameters = inspect.signature(APIBlueprint._collect_openapi_info).parameters
    assert list(parameters)[:3] == ["self", "rule", "func"]


def test_the_worker_asks_in_each_turn_whether_to_accept() -> None:
    """The worker stops accepting for a moment when it has no descriptor left."""
    assert "self.set_accept_enabled(can_accept)" in inspect.getsource(gthread.ThreadWorker.run)


def test_a_connection_closed_to_make_room_is_not_read_in_the_same_turn() -> None:
    worker = ApplianceWorker.__new__(ApplianceWorker)
    worker.pending_conns, worker.keepalived_conns, worker._reading_headers = deque(), deque(), {}
    worker._handshakes = {}
    worker.cfg, worker.poller, worker.nr_conns = Config(), selectors.DefaultSelector(), 2
    here, there = socket.socketpair()
    with here, there, worker.poller:
        first, second = (
            gthread.TConn(Config(), each, ("127.0.0.1", 1), ("127.0.0.1", 2)) for each in (here, there)
        )
        worker.pending_conns.append(first)
        worker.keepalived_conns.append(second)
        assert worker._close_idle()
        assert worker._close_idle()
        assert not worker._close_idle()
        worker.on_pending_socket_readable(first, here)
        worker.on_client_socket_readable(second, there)
    assert worker.nr_conns == 0


def test_the_worker_of_the_appliance_is_a_threaded_worker() -> None:
    assert issubclass(ApplianceWorker, gthread.ThreadWorker)
