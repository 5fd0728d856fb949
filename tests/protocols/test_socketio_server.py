"""The Socket.IO server: which events wait for each other."""

import threading
from typing import Any

import pytest
from flask_openapi3 import OpenAPI
from flask_socketio import SocketIO

from tests.support.client import client_of
from tests.support.wait import wait_until


def test_other_events_of_a_connection_do_not_wait_for_an_offer(
    app: OpenAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets: SocketIO = app.extensions["socketio"]
    may_answer = threading.Event()

    def answer_slowly(_sid: str, _offer: object) -> dict[str, Any]:
        may_answer.wait(60)
        return {"ok": True}

    monkeypatch.setitem(sockets.server.handlers["/"], "live:webrtc", answer_slowly)
    client = sockets.test_client(app, flask_test_client=client_of(app))
    assert client.emit("live:webrtc", {"sdp": "v=0"}, callback=True) is None
    assert client.emit("live:stop", {"session": "0" * 32, "next_seq": 0}, callback=True)["code"] == "gone"
    may_answer.set()
    assert wait_until(lambda: client.acks)["args"] == [{"ok": True}]
