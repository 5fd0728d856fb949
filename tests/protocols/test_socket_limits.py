"""Limits of sockets: origins, number of connections, rates, and the memory of the server."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Request, TextMessage

from tests.support.live_client import LIVE_SERVER, USUAL_PACE, RecordingClient, client, settings_of
from tests.support.program import Server, served
from tests.support.speech import packets, spoken
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

SAME = "https://localhost:{port}"
FOREIGN = "https://evil.example"
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("live")
    settings = settings_of(tiny_en, folder) | USUAL_PACE | {"MAX_WEBSOCKETS_PER_ADDRESS": "100"}
    with served(folder, LIVE_SERVER, **settings) as running:
        yield running


class RawSocket:
    """A WebSocket that sends any events."""

    def __init__(self, server: Server, origin: str | None = None) -> None:
        self.socket = server.connect()
        self.protocol = WSConnection(ConnectionType.CLIENT)
        headers = [(b"Origin", origin.encode())] if origin else []
        target = "/socket.io/?EIO=4&transport=websocket"
        self.socket.sendall(
            self.protocol.send(Request(f"localhost:{server.port}", target, extra_headers=headers))
        )
        self.accepted = isinstance(self.next(), AcceptConnection)

    def send(self, event: Event) -> None:
        self.socket.sendall(self.protocol.send(event))

    def say(self, text: str) -> None:
        self.send(TextMessage(text))

    def next(self) -> Event | None:
        """The next event; None when the connection has ended."""
        while True:
            for event in self.protocol.events():
                return event
            try:
                data = self.socket.recv(65_536)
            except OSError:
                return None
            if not data:
                return None
            self.protocol.receive_data(data)

    def ended(self, seconds: float = 15) -> bool:
        """True if the server ends the connection in time."""
        self.socket.settimeout(seconds)
        while True:
            match self.next():
                case None | CloseConnection():
                    return True
                case TextMessage(data="2"):
                    return False

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def raw(server: Server) -> Iterator[RawSocket]:
    """A Socket.IO connection, opened by hand."""
    connection = RawSocket(server)
    assert connection.accepted
    connection.next()
    connection.say("40")
    wait_until(lambda: isinstance(event := connection.next(), TextMessage) and event.data.startswith("40"))
    yield connection
    connection.close()


def ask(server: Server, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """A plain HTTP request over TLS."""
    with server.connect() as connection:
        lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{server.port}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    return int(head.split()[1]), fields, body


def memory(server: Server) -> int:
    """The memory of all its processes in bytes."""
    tree = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
    return sum(process.memory_info().rss for process in tree)


POLLING = "/socket.io/?EIO=4&transport=polling"


def test_a_page_of_the_appliance_may_connect(server: Server) -> None:
    status, _, body = ask(server, POLLING, Origin=SAME.format(port=server.port))
    assert status == 200
    assert json.loads(body[body.index("{") : body.rindex("}") + 1])["upgrades"] == ["websocket"]
    connection = RawSocket(server, SAME.format(port=server.port))
    assert connection.accepted
    connection.close()


@pytest.mark.parametrize("headers", [{"Origin": FOREIGN}, {"Sec_Fetch_Site": "cross-site"}])
def test_a_page_of_another_site_is_refused_when_it_polls(server: Server, headers: dict[str, str]) -> None:
    status, _, body = ask(server, POLLING, **headers)
    assert status == 403
    assert json.loads(body)["error"]["code"] == "not_allowed"


def test_a_page_of_another_site_is_refused_a_websocket(server: Server) -> None:
    assert not RawSocket(server, FOREIGN).accepted


def test_a_connection_is_not_readable_as_a_script(server: Server) -> None:
    assert ask(server, f"{POLLING}&j=0")[0] == 403


@pytest.mark.parametrize("limit", ["MAX_WEBSOCKETS", "MAX_WEBSOCKETS_PER_ADDRESS"])
def test_sockets_above_the_limit_are_refused_until_one_closes(
    tmp_path: Path, tiny_en: Path, limit: str
) -> None:
    with served(tmp_path, LIVE_SERVER, **settings_of(tiny_en, tmp_path) | {limit: "3"}) as server:
        held = [RawSocket(server) for _ in range(3)]
        assert all(connection.accepted for connection in held)
        assert not RawSocket(server).accepted
        status, headers, body = ask(server, POLLING)
        assert status == 429
        assert int(headers["Retry-After"]) > 0
        assert json.loads(body)["error"]["code"] == "busy"
        assert ask(server, "/health")[0] == 200
        held[0].close()
        wait_until(lambda: RawSocket(server).accepted)


@pytest.mark.parametrize("count", [5, 1000, 999_999_999])
def test_an_event_with_too_many_attachments_ends_its_connection(raw: RawSocket, count: int) -> None:
    raw.say(f'45{count}-["live:audio",{{"_placeholder":true,"num":0}}]')
    assert raw.ended()


@pytest.mark.parametrize(
    "text",
    [
        "42",
        '42["live:start"',
        "42{}",
        '42[{"a":1}]',
        '42[["live:start"]]',
        "42" + 99_999 * "[",
        "4" + 99_999 * "[",
        "49",
        "hello",
        "4",
        "b=",
    ],
    ids=lambda text: text[:20],
)
def test_an_invalid_packet_ends_its_connection_only(server: Server, raw: RawSocket, text: str) -> None:
    raw.say(text)
    assert raw.ended()
    assert "Traceback" not in (server.folder / "stderr").read_text()
    assert ask(server, "/health")[0] == 200


def test_a_message_beyond_the_limit_ends_its_connection(raw: RawSocket) -> None:
    with suppress(OSError):  # it may end before everything is sent
        raw.send(BytesMessage(bytes(MEBIBYTE)))
    assert raw.ended()


def test_unfinished_messages_use_no_memory(server: Server, raw: RawSocket) -> None:
    before = memory(server)
    try:
        for _ in range(64):
            raw.send(BytesMessage(bytes(MEBIBYTE), message_finished=False))
    except OSError:
        pass
    assert raw.ended()
    assert memory(server) - before < 20 * MEBIBYTE


def test_a_flood_is_throttled_and_uses_no_memory(server: Server, raw: RawSocket) -> None:
    before = memory(server)
    raw.socket.settimeout(1)
    sent = 0
    began = time.monotonic()
    try:
        while time.monotonic() - began < 8:
            raw.say('42["nothing","' + "x" * 100_000 + '"]')
            sent += 100_000
    except OSError:
        pass  # the buffers on the way are full
    assert sent < 20 * MEBIBYTE
    assert memory(server) - before < 40 * MEBIBYTE
    assert ask(server, "/health")[0] == 200


def test_a_flood_does_not_delay_other_clients(server: Server, raw: RawSocket) -> None:
    raw.socket.settimeout(0.5)
    try:
        for _ in range(300):
            raw.say('42["nothing"]')
    except OSError:
        pass
    with client(server) as speaker:
        opened = speaker.start()
        assert speaker.stop(opened, speaker.stream(opened, spoken(1, 4)))["text"] == "w1 w2 w3"


def test_a_client_that_never_reads_does_not_delay_others(server: Server) -> None:
    with client(server) as speaker, server.connect() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )
        opened = speaker.start()
        assert speaker.stop(opened, speaker.stream(opened, spoken(1, 4)))["text"] == "w1 w2 w3"


def test_an_incomplete_handshake_is_refused(server: Server) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    with server.connect() as connection:
        lines = [
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
            f"Host: localhost:{server.port}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_packets_are_throttled_to_twenty_a_second(server: Server) -> None:
    with client(server) as speaker:
        opened = speaker.start()
        answered: list[object] = []
        began = time.monotonic()
        for seq, packet in enumerate(packets(spoken(1, 24))):
            head = {"s": opened["session"], "q": seq}
            speaker.connection.send("live:audio", head, packet, on_ack=answered.append)
        wait_until(lambda: len(answered) == seq + 1)
        assert time.monotonic() - began > (seq - 62) / 20
        speaker.call("live:cancel", {"session": opened["session"]})


def test_a_second_client_works_after_the_first_has_closed(server: Server) -> None:
    first, second = RecordingClient(server), RecordingClient(server)
    assert first.first("connection_status", status="connected")["live"]["limit"] == 4
    first.close()
    assert second.call("live:start", {"v": 1, "model": "no-such-model"})["ok"] is False
    second.close()
