"""Raw WebSockets lose their rights when the session of their user ends; they do not go on as a visitor's."""

import json
from collections.abc import Callable, Iterator

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import signed_in
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols import socket_service
from whisper_appliance.protocols.socket_service import SocketService


class ScriptedConnection:
    """A connection whose messages come from an iterator."""

    def __init__(self, messages: Iterator[str]) -> None:
        self._messages = messages
        self.sent: list[dict[str, object]] = []

    def recv(self) -> str | None:
        return next(self._messages, None)

    def send(self, message: bytes | str) -> None:
        self.sent.append(json.loads(message))

    def close(self) -> None:
        """Nothing is open."""


class RecordingSession:
    """A session that keeps its messages."""

    connection = "recording"

    def __init__(self) -> None:
        self.handled: list[bytes | str] = []

    def start(self) -> None:
        """Nothing to send."""

    def handle(self, message: bytes | str) -> None:
        self.handled.append(message)

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """No live session is open."""

    def close(self) -> None:
        """Nothing is open."""


def messages(before_the_second: Callable[[], object]) -> Iterator[str]:
    yield "first"
    before_the_second()
    yield "second"


def test_a_socket_ends_once_its_user_is_disabled(
    app: OpenAPI, appliance: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_service, "RECHECK_SECONDS", -1.0)
    client = signed_in(app)
    cookie = client.get_cookie("session")
    assert cookie
    service: SocketService = app.extensions["vosk"]
    connection = ScriptedConnection(
        messages(lambda: appliance.accounts.users.disable(client.user.id, by=SHELL))
    )
    session = RecordingSession()
    with app.test_request_context(headers={"Cookie": f"session={cookie.value}"}):
        service.authorized_actor()
        service.serve(connection, lambda _size: None, lambda _outbox, _throttle: session)
    assert session.handled == ["first"]
    assert connection.sent[-1]["code"] == "sign_in_required"
