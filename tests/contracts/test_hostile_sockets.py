"""Hostile clients of every socket: each gets the error of its protocol, and costs its own connection only.

While a client misbehaves, another one of the same protocol is in the middle of its speech, and loses no word.
"""

import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import Server, served
from tests.support.protocol_drivers import DRIVERS, WYOMING_PORT, ProtocolDriver
from tests.support.speech import silence, spoken
from tests.support.wait import wait_until
from whisper_appliance.protocols.registry import PROTOCOLS

pytestmark = pytest.mark.slow  # starts the real program

WORDS = "w1 w2 w3 w4 w5 w6 w7"
LINEAR = "encoding=linear16&sample_rate=16000"
WRONG_KEY = "wa_" + "x" * 43
Message = dict[str, Any]


def own_error(body: Message) -> str:
    """The sentence of an error in the appliance's own shape."""
    assert set(body["error"]) == {"code", "message", "field", "request_id"}
    return str(body["error"]["message"])


def openai_error(body: Message) -> str:
    """The sentence of an error of OpenAI's, over HTTP or as an event."""
    assert set(body["error"]) - {"event_id"} == {"message", "type", "param", "code"}
    return str(body["error"]["message"])


def vosk_error(body: Message) -> str:
    """The sentence of an error of a Vosk connection."""
    assert set(body) == {"error", "code"}
    return str(body["error"])


def deepgram_error(body: Message) -> str:
    """The sentence of an error of Deepgram's, over HTTP or as a message."""
    if body.get("type") == "Error":
        return str(body["description"])
    assert set(body) == {"err_code", "err_msg", "request_id"}
    return str(body["err_msg"])


def wyoming_error(body: Message) -> str:
    """The sentence of an error of Wyoming's."""
    assert body["type"] == "error"
    assert set(body["data"]) == {"text", "code"}
    return str(body["data"]["text"])


def acknowledged_error(body: Message) -> str:
    """The sentence of an acknowledgement of Socket.IO."""
    assert body["ok"] is False
    assert body["code"]
    return str(body["message"])


@dataclass(frozen=True)
class Entry:
    """One socket: its address ("" for a port of its own), its driver, and its errors."""

    name: str
    driver: str
    address: str
    error_of: Callable[[Message], str]
    refusal_of: Callable[[Message], str] = own_error
    first: str | None = None
    """What a client sends before everything else."""
    ending: str = ""
    """A driver whose sessions end with their connections, if those of the other one can be resumed."""
    wrap: str = "{}"
    """How a message stands in a frame."""
    wrong: tuple[str, ...] = ()
    """Messages of this protocol with values that cannot be used."""

    @property
    def ending_driver(self) -> str:
        return self.ending or self.driver


NO_MESSAGES = ("{", "[]", "null", "5", '"x"', "{}", '{"type": 5}', "[" * 100_000, '{"type": "\\ud800"}')
ENTRIES = (
    Entry(
        "socketio",
        "socketio live events",
        "/socket.io/?EIO=4&transport=websocket",
        acknowledged_error,
        first="40",
        ending="socketio simple events",
        wrap="421{}",
        wrong=(
            '["live:start", {"language": "klingon"}]',
            '["live:start", {"model": "no-such-model"}]',
            '["live:start", 5]',
            '["live:stop", {"session": "../etc", "next_seq": 0}]',
            '["live:resume", {"session": "00000000000000000000000000000000", "token": "x"}]',
            '["live:audio", {"s": "00000000000000000000000000000000", "q": 0}]',
        ),
    ),
    Entry(
        "openai_realtime",
        "openai_realtime",
        "/v1/realtime?intent=transcription",
        openai_error,
        openai_error,
        wrong=(
            '{"type": "session.update", "session": 5}',
            '{"type": "session.update", "session": {"type": "realtime"}}',
            '{"type": "input_audio_buffer.append", "audio": "no base64!"}',
            '{"type": "input_audio_buffer.append", "audio": {"a": 1}}',
            '{"type": "input_audio_buffer.commit"}',
            '{"type": "response.create"}',
        ),
    ),
    Entry(
        "openai_realtime",
        "openai_realtime",
        "/v1/realtime/translations?model=gpt-realtime-translate",
        openai_error,
        openai_error,
        wrong=(
            '{"type": "session.update", "session": 5}',
            '{"type": "session.update", "session": {"audio": {"output": {"language": "fr"}}}}',
            '{"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "x"}}}}}',
            '{"type": "session.input_audio_buffer.append", "audio": "no base64!"}',
            '{"type": "session.input_audio_buffer.append", "audio": {"a": 1}}',
            '{"type": "input_audio_buffer.commit"}',
        ),
    ),
    Entry(
        "vosk",
        "vosk",
        "/vosk",
        vosk_error,
        wrong=(
            '{"config": {"sample_rate": 1}}',
            '{"config": {"sample_rate": [16000]}}',
            '{"config": {"language": "klingon"}}',
            '{"config": {"model": "no-such-model"}}',
            '{"config": {"model": {"a": 1}}}',
        ),
    ),
    Entry(
        "deepgram",
        "deepgram",
        f"/v1/listen?{LINEAR}",
        deepgram_error,
        deepgram_error,
        wrong=(
            '{"type": "Sing"}',
            '{"type": "Finalize", "channel": 7}',
            '{"type": "Finalize", "channel": {}}',
        ),
    ),
    Entry("wyoming", "wyoming", "", wyoming_error),
)
NAMES = attrgetter("name")
WEBSOCKETS = [entry for entry in ENTRIES if entry.address]
JSON_SOCKETS = [entry for entry in WEBSOCKETS if not entry.first]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile")
    settings = settings_of(tiny_en, folder) | {
        "WYOMING_PORT": str(WYOMING_PORT),
        "MAX_WEBSOCKETS_PER_ADDRESS": "100",
        "WHISPER_MODEL": "own",  # a model of one's own may translate; speech is scripted anyway
    }
    (folder / "models/own").symlink_to(tiny_en)
    with served(folder, LIVE_SERVER, **settings) as running:
        yield running


@contextmanager
def another_speaks(server: Server, entry: Entry) -> Iterator[None]:
    """Another client, which is in the middle of its speech, and gets all of its words afterwards."""
    with closing(opened(server, entry.driver)) as client:
        client.feed(spoken(1, 5))
        yield
        client.feed(spoken(5, 8) + silence(1))
        assert client.stop().text == client.captions() == WORDS


def opened(server: Server, driver: str) -> ProtocolDriver:
    """A client with a live session, once one is free: those of broken clients end a moment after them."""

    def attempt() -> ProtocolDriver | None:
        client = DRIVERS[driver](server)
        if client.open(language="en") == "":
            return client
        client.close()
        return None

    return wait_until(attempt)


def websocket_of(server: Server, entry: Entry, **options: Any) -> websocket.WebSocket:
    connected = websocket.create_connection(
        f"wss://localhost:{server.port}{entry.address}",
        timeout=20,
        sslopt={"context": server.trusting},
        **options,
    )
    if entry.first:
        connected.recv()
        connected.send(entry.first)
    return connected


def raw_socket(server: Server, entry: Entry) -> socket.socket:
    """A connection beneath the messages: of TLS and past the handshake, or plain TCP."""
    if entry.address:
        connected = websocket_of(server, entry).sock
        assert connected
        return connected
    return socket.create_connection(("127.0.0.1", WYOMING_PORT), timeout=20)


def next_error(entry: Entry, client: websocket.WebSocket) -> str:
    """The sentence of the next error; other messages may come before."""
    while True:
        received = client.recv()
        assert received, "the connection was closed"
        text = str(received).lstrip("0123456789")
        message = json.loads(text) if text[:1] in "[{" else {}
        if isinstance(message, list):  # an acknowledgement of Socket.IO has one value, an event has its name
            message = message[0] if isinstance(message[0], dict) else {}
        if is_error(message):
            return entry.error_of(message)


def is_error(message: Message) -> bool:
    return bool(message.get("error") or message.get("ok") is False or message.get("type") == "Error")


def helps(sentence: str) -> bool:
    """Whether it is a sentence for people, which says nothing of the machine."""
    revealing = ("Traceback", "Error(", "/src/", "site-packages", "object at 0x")
    return sentence.endswith(".") and len(sentence.split()) > 2 and not any(s in sentence for s in revealing)


def ends(connected: socket.socket) -> bool:
    """Whether the server ends a connection."""
    with suppress(ConnectionError, ssl.SSLError):
        while connected.recv(65_536):
            pass
    return True


def test_every_socket_is_tested_here() -> None:
    assert {entry.name for entry in ENTRIES} == {protocol.name for protocol in PROTOCOLS}


@pytest.mark.parametrize("entry", WEBSOCKETS, ids=NAMES)
def test_messages_that_cannot_be_used_are_answered_one_by_one(server: Server, entry: Entry) -> None:
    messages = entry.wrong if entry.first else (*NO_MESSAGES, *entry.wrong)
    with another_speaks(server, entry), closing(websocket_of(server, entry)) as client:
        for message in messages:
            client.send(entry.wrap.format(message))
            assert helps(sentence := next_error(entry, client)), (message[:80], sentence)


@pytest.mark.parametrize(
    "sent",
    [b"{\n", b"[]\n", b"\xff\xfe\n", b'{"type": 5}\n', b'{"type": "transcribe", "data": {"language": 5}}\n',
     b'{"type": "audio-start", "data": {"rate": "fast"}}\n', b'{"type": "' + b"x" * 200_000],
)  # fmt: skip
def test_events_of_wyoming_that_cannot_be_used_end_their_connection_with_a_reason(
    server: Server, sent: bytes
) -> None:
    entry = ENTRIES[-1]
    with another_speaks(server, entry), raw_socket(server, entry) as client:
        client.sendall(sent)
        received = b"".join(iter(lambda: client.recv(65_536), b""))
        assert helps(wyoming_error(json.loads(received.splitlines()[-1])))


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_bytes_that_are_no_message_end_their_connection_only(server: Server, entry: Entry) -> None:
    opcode_15 = b"\x8f\x85abcdefghi"
    unmasked = b"\x81\x02{}"
    compressed = b"\xc1\x82mask\xff\xff"
    garbage = bytes(range(256)) * 40
    with another_speaks(server, entry):
        for sent in (opcode_15, unmasked, compressed, garbage):
            with raw_socket(server, entry) as client:
                with suppress(ConnectionError, ssl.SSLError):
                    client.sendall(sent if entry.address else sent + b"\n")
                assert ends(client)


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_clients_that_break_off_cost_nobody_a_session(server: Server, entry: Entry) -> None:
    """Half a message, no message, and a reset in the middle of speech, more often than sessions are free."""
    half = b"\x82\xfe\x7f\xff" + b"mask" + bytes(100) if entry.address else b'{"type": "audio-chunk", "payl'
    with another_speaks(server, entry):
        for number in range(6):
            with raw_socket(server, entry) as client:
                if number % 2:
                    client.sendall(half)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for _ in range(5):
            with closing(opened(server, entry.ending_driver)) as leaves:
                leaves.feed(spoken(1, 3))


@pytest.mark.parametrize("entry", WEBSOCKETS, ids=NAMES)
def test_a_message_above_the_limit_is_refused_or_ends_its_connection(server: Server, entry: Entry) -> None:
    with another_speaks(server, entry), closing(websocket_of(server, entry)) as client:
        with suppress(OSError, websocket.WebSocketException):
            for _ in range(3):
                client.send_binary(bytes(2**20))
        with suppress(OSError, websocket.WebSocketException):
            while received := client.recv():
                message = json.loads(received) if str(received)[:1] == "{" else {}
                if is_error(message):
                    assert helps(entry.error_of(message))
                    break


@pytest.mark.parametrize("entry", JSON_SOCKETS, ids=NAMES)
def test_an_invalid_key_is_refused_in_the_shape_of_the_protocol(server: Server, entry: Entry) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket_of(server, entry, header=[f"Authorization: Bearer {WRONG_KEY}"])
    assert refused.value.status_code == 401
    assert helps(entry.refusal_of(json.loads(refused.value.resp_body or b"")))


@pytest.mark.parametrize("entry", JSON_SOCKETS, ids=NAMES)
def test_a_page_of_another_site_is_refused_in_the_shape_of_the_protocol(server: Server, entry: Entry) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket_of(server, entry, origin="https://evil.example")
    assert refused.value.status_code == 403
    assert helps(entry.refusal_of(json.loads(refused.value.resp_body or b"")))


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/transcribe", "file"),
        ("/v1/audio/transcriptions", "file"),
        ("/asr", "audio_file"),
        ("/inference", "file"),
        ("/v1/listen", ""),
    ],
)
def test_an_upload_that_breaks_off_leaves_nothing(server: Server, address: str, field: str) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="a.wav"\r\n\r\n' if field else ""
    content_type = "multipart/form-data; boundary=x" if field else "audio/wav"
    head = (
        f"POST {address} HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: 3000000\r\n\r\n{part}"
    )
    uploads = server.data_dir / "uploads"
    with server.connect() as client:
        client.sendall(head.encode() + b"one " * 600_000)
        wait_until(lambda: any(uploads.iterdir()))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: not any(uploads.iterdir()))
    assert server.get_json("/api/status")["queue"]["waiting"] == 0


def test_the_log_has_no_exception_of_all_this(server: Server) -> None:
    assert "Traceback" not in server.log.read_text()
