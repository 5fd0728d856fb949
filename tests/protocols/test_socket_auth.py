"""Authentication of sockets: they are closed when the session or API key ends."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import socketio
import websocket
from flask_openapi3 import OpenAPI
from flask_socketio import SocketIO, SocketIOTestClient

from tests.support.client import PASSWORD, client_of, open_page, signed_in, with_key
from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import Server, served
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.offline_accounts import opened_accounts
from whisper_appliance.client.socketio_client import SocketIOClient
from whisper_appliance.config import settings
from whisper_appliance.core.errors import Unavailable
from whisper_appliance.web.context import EXTENSION, WebContext
from whisper_appliance.web.rights_watch import RightsWatch


@pytest.fixture
def closed(appliance: Appliance) -> Iterator[None]:
    """An appliance in accounts mode."""
    appliance.accounts.access_mode.set("accounts", by=SHELL)
    yield
    appliance.accounts.access_mode.set("network", by=SHELL)


def connected(app: OpenAPI, client: Any = None, **more: Any) -> SocketIOTestClient:
    sockets: SocketIO = app.extensions["socketio"]
    return sockets.test_client(app, flask_test_client=client or client_of(app), **more)


def bearer(client: Any) -> str:
    return str(client.environ_base["HTTP_AUTHORIZATION"])


def start(socket: SocketIOTestClient) -> dict[str, Any]:
    answer: dict[str, Any] = socket.emit("live:start", {"v": 1, "model": "none"}, callback=True)
    return answer


def test_visitors_may_connect_in_network_mode(app: OpenAPI) -> None:
    assert connected(app).is_connected()
    assert connected(app, open_page(app)).is_connected()


def test_a_socket_is_refused_without_the_required_second_factor(app: OpenAPI, appliance: Appliance) -> None:
    member = signed_in(app)
    assert connected(app, member).is_connected()
    appliance.overrides.set("second_factor_required", "everyone", "a test")
    assert not connected(app, member).is_connected()
    assert connected(app, open_page(app)).is_connected()
    assert connected(app, auth={"key": bearer(with_key(app, "read")).removeprefix("Bearer ")}).is_connected()
    appliance.overrides.reset("second_factor_required")


@pytest.mark.usefixtures("closed")
def test_visitors_are_refused_in_accounts_mode(app: OpenAPI) -> None:
    assert not connected(app).is_connected()
    assert not connected(app, auth={"captions": "nothing"}).is_connected()
    assert not connected(app, auth={"captions": {"a": 1}}).is_connected()
    assert not connected(app, auth=["x"]).is_connected()
    assert connected(app, signed_in(app)).is_connected()
    key = with_key(app, "transcribe")
    assert connected(app, headers={"Authorization": bearer(key)}).is_connected()
    assert connected(app, auth={"key": bearer(key).removeprefix("Bearer ")}).is_connected()


@pytest.mark.parametrize("key", ["wa_" + "x" * 43, "something", 7])
def test_an_invalid_key_is_refused_and_not_treated_as_a_visitor(app: OpenAPI, key: object) -> None:
    assert not connected(app, auth={"key": key}).is_connected()
    assert not connected(app, headers={"Authorization": f"Bearer {key}"}).is_connected()


def test_an_ended_session_is_refused_and_not_treated_as_a_visitor(app: OpenAPI, appliance: Appliance) -> None:
    client = signed_in(app)
    appliance.accounts.sessions.end_others(client.user.id, by=SHELL)
    assert not connected(app, client).is_connected()


def test_a_key_needs_the_transcribe_scope_to_start_a_session(app: OpenAPI) -> None:
    reads = connected(app, headers={"Authorization": bearer(with_key(app, "read"))})
    assert start(reads)["code"] == "not_allowed"
    sends = connected(app, headers={"Authorization": bearer(with_key(app, "transcribe"))})
    assert start(sends)["code"] == "bad_format"  # there is no such model


def watch_of(app: OpenAPI) -> RightsWatch:
    context: WebContext = app.extensions[EXTENSION]
    return context.rights


def test_a_revoked_key_loses_its_silent_socket(app: OpenAPI, appliance: Appliance) -> None:
    key, other = with_key(app, "transcribe"), with_key(app, "transcribe")
    socket, neighbour = (connected(app, headers={"Authorization": bearer(each)}) for each in (key, other))
    watch_of(app).check_all()
    assert socket.is_connected()
    appliance.accounts.keys.revoke(key.key.id, by=SHELL)
    watch_of(app).check_all()
    assert not socket.is_connected()
    assert neighbour.is_connected()


def test_an_ended_session_and_a_disabled_user_lose_their_silent_sockets(
    app: OpenAPI, appliance: Appliance
) -> None:
    ended, disabled = signed_in(app), signed_in(app)
    sockets = [connected(app, each) for each in (ended, disabled)]
    appliance.accounts.sessions.end_others(ended.user.id, by=SHELL)
    appliance.accounts.users.disable(disabled.user.id, by=SHELL)
    watch_of(app).check_all()
    assert [socket.is_connected() for socket in sockets] == [False, False]


def test_visitors_lose_their_sockets_when_the_appliance_is_for_accounts_only(
    app: OpenAPI, request: pytest.FixtureRequest
) -> None:
    visitor, user = connected(app, open_page(app)), connected(app, signed_in(app))
    request.getfixturevalue("closed")
    watch_of(app).check_all()
    assert [visitor.is_connected(), user.is_connected()] == [False, True]


def test_the_connection_below_a_socket_that_lost_its_right_ends_soon(
    app: OpenAPI, appliance: Appliance
) -> None:
    """Also if the client does not close it, and answers no ping for half a minute."""
    key, engine = with_key(app, "transcribe"), app.extensions["socketio"].server.eio
    poll = "/socket.io/?EIO=4&transport=polling"
    opened = json.loads(key.get(poll).text.removeprefix("0"))["sid"]
    assert key.post(f"{poll}&sid={opened}", data="40").status_code == 200
    watch_of(app).check_all()
    assert opened in engine.sockets
    appliance.accounts.keys.revoke(key.key.id, by=SHELL)
    watch_of(app).check_all()
    wait_until(lambda: opened not in engine.sockets or engine.sockets[opened].closed, timeout_seconds=20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guests")
    variables = settings_of(tiny_en, folder) | {"MAX_WEBSOCKETS_PER_ADDRESS": "3", "MAX_WEBSOCKETS": "8"}
    with served(folder, LIVE_SERVER, **variables) as running:
        yield running


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    """An API key of the owner of the server's appliance, which is in accounts mode."""
    with opened_accounts(settings.load(data_dir=server.folder / "data")) as accounts:
        user = accounts.users.create("Ada", PASSWORD, "owner", by=SHELL)
        accounts.access_mode.set("accounts", by=SHELL)
        return accounts.keys.create(user, "test", ["transcribe", "write"], days=None, by=SHELL)[1]


@pytest.mark.slow
def test_a_refused_connection_releases_its_slot(server: Server, key: str) -> None:
    url = f"https://localhost:{server.port}"
    for _ in range(8):
        with pytest.raises(Unavailable, match="not valid"):
            SocketIOClient(url, {}, server.trusting, key="wa_" + "x" * 43)
    with closing(SocketIOClient(url, {}, server.trusting, key=key)) as wire:
        assert wire.call("live:start", {"v": 1})["ok"]


@pytest.mark.slow
def test_a_user_has_half_of_all_sockets_from_whatever_addresses(server: Server, key: str) -> None:
    with ExitStack() as opened:

        def connect(address: str) -> str:
            raw = socket.create_connection(("127.0.0.1", server.port), 20, (address, 0))
            opened.callback(raw.close)
            connection = opened.enter_context(
                closing(
                    websocket.create_connection(
                        f"wss://localhost:{server.port}/socket.io/?EIO=4&transport=websocket",
                        timeout=20,
                        socket=server.trusting.wrap_socket(raw, server_hostname="localhost"),
                    )
                )
            )
            connection.recv()
            connection.send(f'40{{"key":"{key}"}}')
            said = ""
            while not said.startswith(("40", "44")):
                said = str(connection.recv())
            return said

        answers = [connect(f"127.0.0.{2 + number // 2}") for number in range(5)]
        assert [answer[:3] for answer in answers] == ["40{"] * 4 + ["44{"]
        assert '"code":"busy"' in answers[-1]


@pytest.mark.slow  # starts the real program
def test_a_viewer_with_a_captions_link_needs_no_account(server: Server, key: str) -> None:
    url = f"https://localhost:{server.port}"
    with pytest.raises(Unavailable, match="Sign in"):
        SocketIOClient(url, {}, server.trusting)
    with closing(SocketIOClient(url, {}, server.trusting, key=key)) as speaker:
        session = speaker.call("live:start", {"v": 1})["session"]
        address = f"{url}/api/live/{session}/captions"
        share = Request(address, headers={"Authorization": f"Bearer {key}"}, method="POST")
        shared = json.load(urlopen(share, context=server.trusting, timeout=20))
        reader = socketio.Client(ssl_verify=False, reconnection=False)
        reader.connect(url, auth={"captions": shared["token"]}, transports=["websocket"])
        try:
            assert reader.call("captions:watch", {"token": shared["token"]})["ok"]
            assert reader.call("live:start", {"v": 1})["code"] == "sign_in_required"
        finally:
            reader.eio.disconnect(abort=True)
        speaker.call("live:cancel", {"session": session})


def test_a_client_that_stays_after_a_refusal_is_disconnected(server: Server) -> None:
    address = f"wss://localhost:{server.port}/socket.io/?EIO=4&transport=websocket"
    with closing(
        websocket.create_connection(address, timeout=20, sslopt={"context": server.trusting})
    ) as raw:
        raw.send('40{"key":"wa_none"}')
        said = [str(raw.recv()) for _ in range(3)]
    assert said[0].startswith("0{")
    assert said[1].startswith("44{")
    assert "sign_in_required" in said[1]
    assert said[2] in ("1", "")
