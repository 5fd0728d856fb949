"""Deepgram's messages for live speech: the real SDK, encodings, channels, endpoints, and wrong input."""

import json
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np
import pytest
import websocket
from deepgram import DeepgramClient, DeepgramClientEnvironment

from tests.support.client import PASSWORD
from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import Server, served
from tests.support.speech import silence, spoken
from tests.support.wait import wait_until
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.offline_accounts import opened_accounts
from whisper_appliance.config import settings

pytestmark = pytest.mark.slow  # starts the real program

WORDS = "w1 w2 w3 w4 w5 w6 w7"
LINEAR: Mapping[str, object] = {"encoding": "linear16", "sample_rate": 16_000}
Message = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("deepgram")
    with served(folder, LIVE_SERVER, **settings_of(tiny_en, folder)) as running:
        yield running


def connect(server: Server, query: Mapping[str, object], **headers: str) -> websocket.WebSocket:
    return websocket.create_connection(
        f"wss://localhost:{server.port}/v1/listen?{urlencode(query)}",
        timeout=20,
        header={name.replace("_", "-"): value for name, value in headers.items()},
        sslopt={"context": server.trusting},
    )


def received_until(client: websocket.WebSocket, kind: str, **having: object) -> list[Message]:
    messages: list[Message] = []
    while not messages or messages[-1]["type"] != kind or not having.items() <= messages[-1].items():
        messages.append(json.loads(client.recv()))
    return messages


def closed_with(client: websocket.WebSocket) -> list[Message]:
    """All messages to the end of the stream."""
    client.send(json.dumps({"type": "CloseStream"}))
    return received_until(client, "Metadata")


def finals(messages: list[Message], channel: int = 0) -> str:
    results = [each for each in messages if each.get("is_final") and each["channel_index"][0] == channel]
    return " ".join(filter(None, (each["channel"]["alternatives"][0]["transcript"] for each in results)))


def words(messages: list[Message]) -> list[Message]:
    results = [each for each in messages if each.get("is_final")]
    return [word for each in results for word in each["channel"]["alternatives"][0]["words"]]


def test_the_sdk_gets_interim_and_final_results_and_the_metadata(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.data_dir / "certificates/server.pem"))
    address = f"wss://localhost:{server.port}"
    environment = DeepgramClientEnvironment(
        base=server.url, production=address, agent=address, agent_rest=server.url
    )
    received: list[Any] = []
    client = DeepgramClient(api_key="any", environment=environment)
    with client.listen.v1.connect(
        model="nova-3", encoding="linear16", sample_rate=16_000, interim_results=True, vad_events=True
    ) as connection:
        reader = threading.Thread(target=lambda: received.extend(connection), daemon=True)
        reader.start()
        connection.send_keep_alive()
        connection.send_media(spoken(1, 8))
        wait_until(lambda: any(each.type == "Results" and not each.is_final for each in received))
        connection.send_media(silence(1))
        connection.send_close_stream()
        reader.join(20)
    kinds = [each.type for each in received]
    assert kinds[0] == "SpeechStarted"
    assert kinds[-1] == "Metadata"
    results = [each for each in received if each.type == "Results" and each.is_final]
    assert " ".join(each.channel.alternatives[0].transcript for each in results) == WORDS
    assert results[-1].speech_final
    assert received[-1].duration == pytest.approx(3.8, abs=0.1)


def test_words_have_times_and_results_do_not_overlap(server: Server) -> None:
    with closing(connect(server, LINEAR)) as client:
        client.send_binary(spoken(1, 30) + silence(1))
        messages = closed_with(client)
    results = [each for each in messages if each["type"] == "Results"]
    assert len(results) > 1
    assert [word["word"] for word in words(messages)] == [f"w{number}" for number in range(1, 30)]
    ends = [each["start"] + each["duration"] for each in results]
    assert all(after["start"] >= end - 0.01 for end, after in zip(ends, results[1:], strict=False))


def test_only_the_end_of_an_utterance_is_speech_final(server: Server) -> None:
    with closing(connect(server, LINEAR)) as client:
        client.send_binary(spoken(1, 30) + silence(1))
        messages = received_until(client, "Results", speech_final=True)
        assert [each["speech_final"] for each in messages].count(True) == 1
        assert finals(messages) == " ".join(f"w{number}" for number in range(1, 30))


def test_no_end_of_an_utterance_is_told_without_endpointing(server: Server) -> None:
    with closing(connect(server, {**LINEAR, "endpointing": "false"})) as client:
        client.send_binary(spoken(1, 8) + silence(1))
        messages = closed_with(client)
    assert finals(messages) == WORDS
    assert not any(each.get("speech_final") for each in messages)


def test_the_end_of_an_utterance_comes_after_its_words(server: Server) -> None:
    with closing(connect(server, {**LINEAR, "interim_results": "true", "utterance_end_ms": 1000})) as client:
        client.send_binary(spoken(1, 8) + silence(4))
        messages = received_until(client, "UtteranceEnd")
        assert finals(messages) == WORDS
        assert messages[-1]["last_word_end"] == pytest.approx(2.8, abs=0.1)
        rest = closed_with(client)
    assert not any(each["type"] == "UtteranceEnd" for each in rest)


def test_finalize_gives_the_words_so_far_and_the_stream_continues(server: Server) -> None:
    with closing(connect(server, LINEAR)) as client:
        client.send_binary(spoken(1, 8))
        client.send(json.dumps({"type": "Finalize"}))
        first = received_until(client, "Results", from_finalize=True)
        assert finals(first) == WORDS
        client.send_binary(silence(1) + spoken(8, 12) + silence(1))
        assert finals(closed_with(client)) == "w8 w9 w10 w11"


def test_channels_are_transcribed_separately(server: Server) -> None:
    left, right = spoken(1, 5) + silence(1), spoken(5, 9) + silence(1)
    stereo = np.stack([np.frombuffer(left, "<i2"), np.frombuffer(right, "<i2")], axis=1).tobytes()
    with closing(connect(server, {**LINEAR, "channels": 2, "multichannel": "true"})) as client:
        client.send_binary(stereo[:1001])  # half a frame waits for the rest
        client.send_binary(stereo[1001:])
        messages = closed_with(client)
    assert (finals(messages, 0), finals(messages, 1)) == ("w1 w2 w3 w4", "w5 w6 w7 w8")
    assert all(each["channel_index"][1] == 2 for each in messages if each["type"] == "Results")
    assert (messages[-1]["channels"], len(messages[-1]["transcript_ids"])) == (2, 2)


def test_wav_without_a_named_encoding_is_read(server: Server) -> None:
    pcm = spoken(1, 8) + silence(1)
    listed = struct.pack("<4sI4s", b"LIST", 4, b"INFO")
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    header = b"RIFF" + struct.pack("<I", 2**32 - 1) + b"WAVE" + listed + layout
    with closing(connect(server, {})) as client:
        client.send_binary(header[:5])
        client.send_binary(header[5:] + b"data" + struct.pack("<I", 2**32 - 1) + pcm)
        assert finals(closed_with(client)) == WORDS


def test_a_stream_without_audio_ends_with_its_metadata(server: Server) -> None:
    queries: tuple[Mapping[str, object], ...] = ({}, LINEAR)
    for query in queries:
        with closing(connect(server, query)) as client:
            client.send(json.dumps({"type": "KeepAlive"}))
            assert closed_with(client)[-1]["duration"] == 0


@pytest.mark.parametrize("message", ["{", "[]", '{"type": "Sing"}', '{"type": 5}', "[" * 100_000])
def test_a_wrong_message_is_answered_and_the_stream_continues(server: Server, message: str) -> None:
    with closing(connect(server, LINEAR)) as client:
        client.send(message)
        assert received_until(client, "Error")[-1]["variant"] == "SchemaError"
        client.send_binary(spoken(1, 8) + silence(1))
        assert finals(closed_with(client)) == WORDS


@pytest.mark.parametrize("channel", [-1, 1, "0", 1.5, [0], {}])
def test_a_channel_that_is_not_there_is_not_finalized(server: Server, channel: object) -> None:
    with closing(connect(server, LINEAR)) as client:
        client.send(json.dumps({"type": "Finalize", "channel": channel}))
        assert received_until(client, "Error")[-1]["code"] == "invalid_request"


def test_unknown_audio_is_refused_before_the_stream_ends(server: Server) -> None:
    with closing(connect(server, {})) as client:
        client.send_binary(b"OggS" + bytes(200))
        messages = received_until(client, "Metadata")
    assert [each["type"] for each in messages] == ["Error", "Metadata"]


def test_what_is_no_opus_packet_costs_only_itself(server: Server) -> None:
    with closing(connect(server, {"encoding": "opus"})) as client:
        for wrong in (b"\xff" * 100, bytes(100_000)):
            client.send_binary(wrong)
            received_until(client, "Error")
        assert closed_with(client)


@pytest.mark.parametrize(
    "query",
    [
        {"encoding": "linear16"},
        {"encoding": "linear16", "sample_rate": 47_999},
        {"encoding": "mulaw", "sample_rate": 16_000},
        {"encoding": "g729", "sample_rate": 8000},
        {**LINEAR, "channels": 9},
        {**LINEAR, "channels": "two"},
        {**LINEAR, "endpointing": "soon"},
        {**LINEAR, "endpointing": "²"},
        {**LINEAR, "utterance_end_ms": 10**9},
        {**LINEAR, "language": "klingon"},
        {**LINEAR, "redact": "pci"},
        {**LINEAR, "diarize": "true"},
        {**LINEAR, "diarize_model": "latest"},
        {**LINEAR, "callback": "https://example.org"},
    ],
)
def test_options_that_cannot_be_used_fail_the_handshake(server: Server, query: dict[str, object]) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as failed:
        connect(server, query)
    assert failed.value.status_code == 400
    assert set(json.loads(failed.value.resp_body or b"")) == {"err_code", "err_msg", "request_id"}
    assert (failed.value.resp_headers or {})["dg-error"]


@pytest.mark.parametrize("scheme", ["Token", "Bearer"])
def test_a_key_that_is_not_valid_is_refused(server: Server, scheme: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as failed:
        connect(server, LINEAR, Authorization=f"{scheme} wa_{'x' * 43}")
    assert (failed.value.status_code, json.loads(failed.value.resp_body or b"")["err_code"]) == (
        401,
        "INVALID_AUTH",
    )


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    """An API key of a user, who reads what is made with it."""
    with opened_accounts(settings.load(data_dir=server.data_dir)) as accounts:
        user = accounts.users.create("Ada", PASSWORD, "owner", by=SHELL)
        return accounts.keys.create(user, "test", ["transcribe", "read"], days=None, by=SHELL)[1]


@pytest.mark.parametrize(
    ("header", "scheme"), [("Authorization", "Token "), ("Sec_WebSocket_Protocol", "token, ")]
)
def test_a_recording_belongs_to_the_user_of_the_key(
    server: Server, key: str, header: str, scheme: str
) -> None:
    with closing(connect(server, LINEAR, **{header: scheme + key})) as client:
        client.send_binary(spoken(1, 8) + silence(1))
        [transcript] = closed_with(client)[-1]["transcript_ids"]
    assert server.get(f"/api/transcripts/{transcript}")[0] == 404
    wanted = Request(f"{server.url}/api/transcripts/{transcript}", headers={"Authorization": f"Token {key}"})
    with urlopen(wanted, context=server.trusting) as answer:
        assert WORDS in answer.read().decode()


def test_the_key_of_a_subprotocol_is_checked(server: Server) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as failed:
        connect(server, LINEAR, Sec_WebSocket_Protocol=f"token, wa_{'x' * 43}")
    assert failed.value.status_code == 401
