"""The socket gate: a connection has one request that waits, and counts once for its user."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import Client, EnvironBuilder

from whisper_appliance.core import request_turn
from whisper_appliance.core.errors import Busy
from whisper_appliance.web.limits.client_slots import ClientSlots
from whisper_appliance.web.limits.socket_gate import SocketGate, SocketLimits

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

POLL = "/socket.io/?EIO=4&transport=polling&sid=%s"


def test_a_connection_has_one_request_that_waits() -> None:
    waits, go_on = threading.Semaphore(0), threading.Event()

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            waits.release()
            go_on.wait()
        start_response("200 OK", [])
        return [b"2"]

    gate = SocketGate(ClientSlots("sockets", 9, 9), SocketLimits())
    client = Client(gate.wrap(application))
    upgrade = {"Connection": "keep-alive, Upgrade", "Upgrade": "websocket"}
    with ThreadPoolExecutor(2) as others:
        try:
            first = [others.submit(client.get, POLL % "a", headers=each) for each in ({}, upgrade)]
            assert all(waits.acquire(timeout=60) for _ in first)
            for headers in ({}, {"Upgrade": "other"}, upgrade):
                assert client.get(POLL % "a", headers=headers).status_code == 400
            assert client.post(POLL % "a").status_code == 200
        finally:
            go_on.set()
        assert [each.result().status_code for each in first] == [200, 200]
    assert client.get(POLL % "a").status_code == 200


def test_a_request_that_waits_leaves_its_turn_to_the_next_one_of_its_address() -> None:
    left: list[str] = []

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["REQUEST_METHOD"].encode(), *map(str.encode, left)]

    client = Client(SocketGate(ClientSlots("sockets", 9, 9), SocketLimits()).wrap(application))
    with request_turn.left_by(lambda: left.append(" left")):
        assert client.post(POLL % "a").data == b"POST"
        assert client.get(POLL % "a").data == b"GET left"


def test_a_connection_counts_once_for_its_user() -> None:
    gate = SocketGate(ClientSlots("sockets", 8, 8), SocketLimits())
    environ = EnvironBuilder(environ_base={"REMOTE_ADDR": "192.0.2.1"}).get_environ()
    gate.enter("first", environ)
    for user in ("ann", "ann", "ben", "ann"):
        gate.identify("first", user)
    gate.leave("first")
    gate.identify("first", "ann")
    for number in range(8):
        gate.enter(f"of ann {number}", environ, "ann")
        gate.leave(f"of ann {number}")
    for number in range(8):
        gate.enter(f"of ben {number}", environ, "ben")
    with pytest.raises(Busy):
        gate.enter("one more", environ, "ben")
