"""Raw WebSockets and WebRTC peers end with the right to them; they do not go on as a visitor's."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from flask import g
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, signed_in
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL, User
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import SignInRequired
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.openai_realtime import realtime_auth
from whisper_appliance.protocols.openai_realtime.service import RealtimeService
from whisper_appliance.protocols.webrtc import WebRtcPeers
from whisper_appliance.web.auth.authentication import current_actor
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


class SilentPeer:
    """A WebRTC peer that sends nothing until it is ended."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self.sent: list[dict[str, object]] = []

    def messages(self) -> Iterator[str]:
        assert self._ended.wait(60), "the peer was not ended"
        yield from ()

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def end(self) -> None:
        self._ended.set()


class OnePeer:
    """The peers of an application, in which each offer is that of this peer."""

    def __init__(self) -> None:
        self.peer = SilentPeer()
        self.served: threading.Thread | None = None

    def answer(self, offer: str, serve: Callable[[Any], None], *, channel: str) -> str:
        self.served = threading.Thread(target=serve, args=[self.peer])
        self.served.start()
        return f"the {channel} answer to {offer}"


End = Callable[[Appliance, User], object]
ENDS: list[End] = [
    lambda appliance, user: appliance.accounts.users.disable(user.id, by=SHELL),
    lambda appliance, user: appliance.accounts.sessions.end_others(user.id, by=SHELL),
    lambda appliance, _user: appliance.overrides.set("second_factor_required", "everyone", "a test"),
]
each_end = pytest.mark.parametrize("end", ENDS, ids=["disabled", "signed out", "second factor required"])


@pytest.fixture(autouse=True)
def no_second_factor(appliance: Appliance) -> Iterator[None]:
    """The appliance requires none before and after a test."""
    yield
    appliance.overrides.reset("second_factor_required")


def rights_of(app: OpenAPI) -> RightsWatch:
    context: WebContext = app.extensions[EXTENSION]
    return context.rights


def cookie_of(client: ApiClient) -> dict[str, str]:
    cookie = client.get_cookie("session")
    assert cookie
    return {"Cookie": f"session={cookie.value}"}


def connection_that_sees(end: Callable[[], object], rights: RightsWatch) -> SilentConnection:
    """One whose right ends while it is silent; it has it before."""

    def end_right() -> None:
        rights.check_all()
        before.extend(connection.sent)
        end()
        threading.Thread(target=rights.check_all).start()

    before: list[dict[str, object]] = []
    connection = SilentConnection(end_right)
    return connection


@each_end
@pytest.mark.parametrize("name", ["vosk", "deepgram"])
def test_a_silent_socket_ends_with_the_right_to_it(
    app: OpenAPI, appliance: Appliance, name: str, end: End
) -> None:
    client, service = signed_in(app), app.extensions[name]
    connection = connection_that_sees(lambda: end(appliance, client.user), rights_of(app))
    with app.test_request_context(headers=cookie_of(client)):
        service.authorized_actor()
        service.serve(connection, lambda _size: None, lambda _outbox, _throttle: RecordingSession())
    assert len(connection.sent) == 1, "the reason"


@each_end
@pytest.mark.parametrize("by_secret", [False, True], ids=["by cookie", "by client secret"])
def test_a_silent_realtime_connection_ends_with_the_right_to_it(
    app: OpenAPI, appliance: Appliance, by_secret: bool, end: End
) -> None:
    client, service = signed_in(app), app.extensions["openai_realtime"]
    connection = connection_that_sees(lambda: end(appliance, client.user), rights_of(app))
    with realtime_request(app, client, by_secret=by_secret):
        make = service.transcription(realtime_auth.authorized_actor(), {}, beta=False)
        service.serve(connection, lambda _size: None, make)
    assert [each["type"] for each in connection.sent][1:] == ["error"]


@each_end
@pytest.mark.parametrize("by_secret", [False, True], ids=["by cookie", "by client secret"])
def test_a_silent_realtime_peer_ends_with_the_right_to_it(
    app: OpenAPI, appliance: Appliance, by_secret: bool, end: End
) -> None:
    client, peers = signed_in(app), OnePeer()
    service = RealtimeService(
        app.extensions[EXTENSION], app.extensions["openai_realtime"].view, cast(WebRtcPeers, peers)
    )
    with realtime_request(app, client, by_secret=by_secret, service=service):
        assert "offer" in service.answer("an offer", realtime_auth.authorized_actor(), {})
    wait_until(lambda: peers.peer.sent)
    rights_of(app).check_all()
    end(appliance, client.user)
    rights_of(app).check_all()
    assert peers.served
    peers.served.join(60)
    assert [each["type"] for each in peers.peer.sent][1:] == ["error"]


@contextmanager
def realtime_request(
    app: OpenAPI, client: ApiClient, *, by_secret: bool, service: RealtimeService | None = None
) -> Iterator[None]:
    """A request of a signed-in browser, by its cookie or by a client secret that it made."""
    secrets = (service or app.extensions["openai_realtime"]).secrets
    with app.test_request_context("/v1/realtime", headers=cookie_of(client)):
        token, _ = secrets.create(current_actor(), {}, 60)
    headers = {"Authorization": f"Bearer {token}"} if by_secret else cookie_of(client)
    with app.test_request_context("/v1/realtime", headers=headers):
        if by_secret:
            g.client_secret = secrets.find_valid(token)
            g.actor = g.client_secret.actor
        yield


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
