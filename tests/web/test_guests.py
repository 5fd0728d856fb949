"""Sockets know who is on them, and lose those whose session or key has ended."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask_openapi3 import OpenAPI
from flask_socketio import SocketIO, SocketIOTestClient

from tests.serving import Server, served
from tests.signing import signed_in, with_key
from tests.web.conftest import open_page
from tests.web.live_client import LIVE_SERVER, settings_of
from whisper_appliance import settings
from whisper_appliance.accounts.people import SHELL
from whisper_appliance.appliance import Appliance
from whisper_appliance.appliance.shell import opened_accounts
from whisper_appliance.cli.wire import Wire
from whisper_appliance.errors import Unavailable
from whisper_appliance.web import guests


@pytest.fixture
def closed(appliance: Appliance) -> Iterator[None]:
    """An appliance for people with an account only."""
    appliance.accounts.policy.set_openness("accounts", by=SHELL)
    yield
    appliance.accounts.policy.set_openness("network", by=SHELL)


def connected(app: OpenAPI, client: Any = None, **more: Any) -> SocketIOTestClient:
    sockets: SocketIO = app.extensions["socketio"]
    return sockets.test_client(app, flask_test_client=client or app.test_client(), **more)


def bearer(client: Any) -> str:
    return str(client.environ_base["HTTP_AUTHORIZATION"])


def start(socket: SocketIOTestClient) -> dict[str, Any]:
    answer: dict[str, Any] = socket.emit("live:start", {"v": 1, "model": "none"}, callback=True)
    return answer


def test_visitors_come_in_where_the_appliance_is_for_its_network(app: OpenAPI) -> None:
    assert connected(app).is_connected()
    assert connected(app, open_page(app)).is_connected()


@pytest.mark.usefixtures("closed")
def test_visitors_stay_outside_where_it_is_for_accounts(app: OpenAPI) -> None:
    assert not connected(app).is_connected()
    assert not connected(app, auth={"captions": "nothing"}).is_connected()
    assert not connected(app, auth={"captions": {"a": 1}}).is_connected()
    assert not connected(app, auth=["x"]).is_connected()
    assert connected(app, signed_in(app)).is_connected()
    key = with_key(app, "transcribe")
    assert connected(app, headers={"Authorization": bearer(key)}).is_connected()
    assert connected(app, auth={"key": bearer(key).removeprefix("Bearer ")}).is_connected()


@pytest.mark.parametrize("key", ["wa_" + "x" * 43, "something", 7])
def test_a_bad_key_is_never_a_silent_visitor(app: OpenAPI, key: object) -> None:
    assert not connected(app, auth={"key": key}).is_connected()
    assert not connected(app, headers={"Authorization": f"Bearer {key}"}).is_connected()


def test_a_session_that_ended_is_never_a_silent_visitor(app: OpenAPI, appliance: Appliance) -> None:
    client = signed_in(app)
    appliance.accounts.sessions.end_others(client.user.id, by=SHELL)
    assert not connected(app, client).is_connected()


def test_a_key_needs_the_scope_to_send_speech(app: OpenAPI) -> None:
    reads = connected(app, headers={"Authorization": bearer(with_key(app, "read"))})
    assert start(reads)["code"] == "not_allowed"
    sends = connected(app, headers={"Authorization": bearer(with_key(app, "transcribe"))})
    assert start(sends)["code"] == "bad_format"  # there is no such model


def test_who_was_revoked_loses_the_socket(
    app: OpenAPI, appliance: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = with_key(app, "transcribe")
    socket = connected(app, headers={"Authorization": bearer(key)})
    appliance.accounts.keys.revoke(key.key.id, by=SHELL)
    monkeypatch.setattr(guests, "LOOK_AGAIN_SECONDS", 0.0)
    assert start(socket)["code"] == "sign_in_required"
    assert not socket.is_connected()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guests")
    variables = settings_of(tiny_en, folder) | {"MAX_WEBSOCKETS_PER_ADDRESS": "3"}
    with served(folder, LIVE_SERVER, **variables) as running:
        yield running


def test_whom_the_real_server_refuses_keeps_no_place(server: Server) -> None:
    loaded = settings.load(data_dir=server.folder / "data")
    with opened_accounts(loaded) as accounts:
        user = accounts.users.create("Ada", "seven lamps beside a quiet river", "owner", by=SHELL)
        _, key = accounts.keys.create(user, "test", ["transcribe"], days=None, by=SHELL)
    url = f"https://localhost:{server.port}"
    for _ in range(12):
        with pytest.raises(Unavailable, match="not good"):
            Wire(url, {}, server.trusting, key="wa_" + "x" * 43)
    wire = Wire(url, {}, server.trusting, key=key)
    try:
        assert wire.ask("live:start", {"v": 1})["ok"]
    finally:
        wire.close()
