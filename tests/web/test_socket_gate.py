"""The socket gate: a connection has one request that waits."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from werkzeug.test import Client

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
