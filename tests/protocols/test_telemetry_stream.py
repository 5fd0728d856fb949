"""The telemetry stream: for admins only, and only while they are admins."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask_openapi3 import OpenAPI
from flask_socketio import SocketIOTestClient

from tests.support.client import ApiClient, client_of, signed_in
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.monitoring.resource_sampler import MEASURES, ResourceSampler, Sample
from whisper_appliance.protocols.socketio.telemetry_stream import TelemetryStream


@pytest.fixture
def connect(app: OpenAPI) -> Iterator[Any]:
    """Opens the socket of a browser."""
    opened: list[SocketIOTestClient] = []

    def open_socket(client: ApiClient) -> SocketIOTestClient:
        opened.append(app.extensions["socketio"].test_client(app, flask_test_client=client))
        return opened[-1]

    yield open_socket
    for socket in opened:
        if socket.is_connected():
            socket.disconnect()


def told(socket: SocketIOTestClient, event: str) -> list[Any]:
    return [each["args"][0] for each in socket.get_received() if each["name"] == event]


def test_an_admin_gets_past_and_new_samples(app: OpenAPI, appliance: Appliance, connect: Any) -> None:
    appliance.resource_sampler.sample_once()
    socket = connect(signed_in(app, "admin"))
    answer = socket.emit("admin:watch", {"range": "minutes"}, callback=True)
    assert answer["ok"]
    assert set(answer["samples"]) == {"time", *MEASURES}
    assert len(answer["samples"]["time"]) == len(answer["samples"]["cpu"]) >= 1
    socket.get_received()
    heard = threading.Event()
    for _ in range(100):
        if told(socket, "admin:sample"):
            heard.set()
            break
        heard.wait(0.1)
    assert heard.is_set()


@pytest.mark.parametrize("role", ["member", None])
def test_other_users_are_refused(app: OpenAPI, connect: Any, role: Any) -> None:
    socket = connect(signed_in(app, role) if role else client_of(app))
    answer = socket.emit("admin:watch", {"range": "minutes"}, callback=True)
    assert answer["ok"] is False
    assert answer["code"] == ("not_allowed" if role else "sign_in_required")
    assert "samples" not in answer


@pytest.mark.parametrize("payload", [{"range": "ever"}, {"range": 5}, "minutes", None])
def test_an_invalid_range_is_refused(app: OpenAPI, connect: Any, payload: Any) -> None:
    answer = connect(signed_in(app, "admin")).emit("admin:watch", payload, callback=True)
    assert answer["ok"] is False
    assert answer["code"] == "bad_format"


class Watched:
    """A telemetry stream with a clock that the test moves, and the events it emitted."""

    def __init__(self, app: OpenAPI) -> None:
        self.now = 0.0
        self.emitted: list[tuple[str, str]] = []
        self.vitals = ResourceSampler(lambda: pytest.fail("nothing looks"))
        self.watchers = TelemetryStream(
            app,
            self.vitals,
            lambda event, _payload, to: self.emitted.append((event, to)),
            monotonic=lambda: self.now,
        )
        app.extensions["socketio"].on_event("test:watch", self.watchers.watch)

    def tick(self, *, minute: bool = False) -> list[tuple[str, str]]:
        """Passes a sample; returns the events emitted for it."""
        self.emitted.clear()
        self.watchers.on_sample(Sample(1.0), Sample(0.0) if minute else None)
        return list(self.emitted)


@pytest.fixture
def watched(app: OpenAPI) -> Watched:
    return Watched(app)


def test_a_user_who_loses_the_admin_role_is_disconnected(
    app: OpenAPI, appliance: Appliance, connect: Any, watched: Watched
) -> None:
    signed_in(app, "owner")
    admin, other = signed_in(app, "admin"), signed_in(app, "admin")
    connect(other).emit("test:watch", {}, callback=True)
    connect(admin).emit("test:watch", {}, callback=True)
    assert [event for event, _ in watched.tick()] == ["admin:sample"] * 2
    appliance.accounts.users.set_role(admin.user.id, "member", by=SHELL)
    watched.now += 11
    assert sorted(event for event, _ in watched.tick()) == ["admin:closed", "admin:sample"]
    assert [event for event, _ in watched.tick()] == ["admin:sample"]


def test_an_ended_session_receives_no_more_samples(
    app: OpenAPI, appliance: Appliance, connect: Any, watched: Watched
) -> None:
    admin = signed_in(app, "admin")
    connect(admin).emit("test:watch", {}, callback=True)
    admin.delete_cookie("session")  # the socket still has the one it was opened with
    assert [event for event, _ in watched.tick()] == ["admin:sample"]
    for session in appliance.accounts.sessions.list_sessions(admin.user.id):
        appliance.accounts.sessions.end(session.id, by=SHELL)
    watched.now += 11
    assert [event for event, _ in watched.tick()] == ["admin:closed"]
    assert watched.tick() == []


def test_the_day_range_receives_minute_samples_only(app: OpenAPI, connect: Any, watched: Watched) -> None:
    connect(signed_in(app, "admin")).emit("test:watch", {"range": "day"}, callback=True)
    assert watched.tick() == []
    assert [event for event, _ in watched.tick(minute=True)] == ["admin:sample"]
