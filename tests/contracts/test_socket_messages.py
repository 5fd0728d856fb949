"""Every message that a socket sends matches /asyncapi.json."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import websocket

from tests.support.live_client import LIVE_SERVER, client, settings_of
from tests.support.program import Server, served
from tests.support.realtime_client import COMPLETED, connected
from tests.support.speech import silence, spoken

pytestmark = pytest.mark.slow  # starts the real program

SPEECH = spoken(1, 8) + silence(1)
Document = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("messages")
    with served(folder, LIVE_SERVER, **settings_of(tiny_en, folder)) as running:
        yield running


@pytest.fixture(scope="module")
def document(server: Server) -> Document:
    loaded: Document = server.get_json("/asyncapi.json")
    return loaded


def check(document: Document, channel: str, name: str, message: object) -> None:
    """Fails if the message does not match its schema, or is not documented."""
    known = {
        each["name"]: each
        for key, each in document["components"]["messages"].items()
        if key.startswith(f"{channel}-")
    }
    assert name in known, name
    jsonschema_rs.validate(known[name]["payload"], message)


def exchange(server: Server, address: str, last: str) -> list[dict[str, Any]]:
    """All messages of a WebSocket to which speech and this last message are sent."""
    trust = {"context": server.trusting}
    messages = []
    with closing(
        websocket.create_connection(f"wss://localhost:{server.port}{address}", timeout=20, sslopt=trust)
    ) as connection:
        connection.send_binary(SPEECH)
        connection.send(last)
        try:
            while message := connection.recv():
                messages.append(json.loads(message))
        except websocket.WebSocketConnectionClosedException:
            pass
    return messages


def test_vosks_messages_are_those_of_the_document(server: Server, document: Document) -> None:
    messages = exchange(server, "/vosk", '{"eof": 1}')
    for message in messages:
        check(document, "vosk", "partial" if "partial" in message else "result", message)
    assert {"partial" in message for message in messages} == {True, False}


def test_deepgrams_messages_are_those_of_the_document(server: Server, document: Document) -> None:
    options = "encoding=linear16&sample_rate=16000&interim_results=true&vad_events=true"
    messages = exchange(server, f"/v1/listen?{options}", '{"type": "CloseStream"}')
    for message in messages:
        check(document, "deepgram", message["type"], message)
    assert {message["type"] for message in messages} >= {"SpeechStarted", "Results", "Metadata"}


def test_openais_events_are_those_of_the_document(server: Server, document: Document) -> None:
    with connected(server) as session:
        session.configure(turn_detection={"type": "server_vad", "silence_duration_ms": 400})
        session.append(SPEECH)
        session.next(COMPLETED)
        session.send("response.create")
        session.next("error")
        for event in session.events:
            check(document, "openai_realtime", event["type"], event)


def test_live_events_and_acknowledgements_are_those_of_the_document(
    server: Server, document: Document
) -> None:
    answers = document["components"]["messages"]
    with client(server) as live:
        opened = live.start()
        jsonschema_rs.validate(answers["socketio-live-start"]["x-acknowledgement"], opened)
        refused = live.call("live:stop", {"session": 3})
        jsonschema_rs.validate(answers["socketio-live-stop"]["x-acknowledgement"], refused)
        live.stop(opened, live.stream(opened, SPEECH))
        live.emit("start_recording", {})
        live.first("recording_started")
        live.emit("audio_chunk", {"audio_data": SPEECH[:100_000]})
        live.emit("stop_recording", {})
        live.first("transcription_result", ended=True)
        names = {name for name, _ in live.received}
        for name, payload in live.received:
            check(document, "socketio", name, payload)
    assert names >= {"live:partial", "live:commit", "live:vad", "live:end", "transcription_result"}
