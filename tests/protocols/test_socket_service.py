"""Raw WebSockets lose their rights when the session of their user ends; they do not go on as a visitor's."""

import json
import threading
from collections.abc import Callable

from flask_openapi3 import OpenAPI

from tests.support.client import signed_in
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import SignInRequired
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.socket_service import SocketService
from whisper_appliance.web.context import EXTENSION, WebContext
from whisper_appliance.web.rights_watch import RightsWatch


class SilentConnection:
    """A connection whose client sends nothing until it is closed."""

    def __init__(self, on_recv: Callable[[], object]) -> None:
        self._on_recv = on_recv
        self._closed = threading.Event()
        self.sent: list[dict[str, object]] = []

    def recv(self) -> None:
        self._on_recv()
        assert self._closed.wait(60), "the connection was not ended"

    def send(self, message: bytes | str) -> None:
        self.sent.append(json.loads(message))

    def close(self) -> None:
        self._closed.set()


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


def test_a_silent_socket_ends_once_its_user_is_disabled(app: OpenAPI, appliance: Appliance) -> None:
    client = signed_in(app)
    cookie = client.get_cookie("session")
    assert cookie
    context: WebContext = app.extensions[EXTENSION]

    def disable() -> None:
        context.rights.check_all()
        assert connection.sent == []
        appliance.accounts.users.disable(client.user.id, by=SHELL)
        threading.Thread(target=context.rights.check_all).start()

    service: SocketService = app.extensions["vosk"]
    connection = SilentConnection(disable)
    with app.test_request_context(headers={"Cookie": f"session={cookie.value}"}):
        service.authorized_actor()
        service.serve(connection, lambda _size: None, lambda _outbox, _throttle: RecordingSession())
    assert connection.sent[-1]["code"] == "sign_in_required"


def test_rights_are_checked_again_and_again_until_the_server_stops() -> None:
    watch, stopping, ended = RightsWatch(), threading.Event(), threading.Event()
    rights = [True]

    def check() -> None:
        if not rights.pop():
            raise SignInRequired("Your session has ended.")
        rights.append(False)

    watch.add("a connection", check, lambda _error: ended.set())
    watch.start(stopping, interval_seconds=0.001)
    assert ended.wait(60)
    stopping.set()
