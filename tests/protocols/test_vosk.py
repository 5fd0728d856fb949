"""Vosk's messages: sample rates, words, languages, and input that is wrong."""

import json
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.support.live_client import LIVE_SERVER, settings_of
from tests.support.program import Server, served
from tests.support.speech import silence, spoken

pytestmark = pytest.mark.slow  # starts the real program

WORDS = [f"w{number}" for number in range(1, 8)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("vosk")
    with served(folder, LIVE_SERVER, **settings_of(tiny_en, folder)) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[websocket.WebSocket]:
    address = f"wss://localhost:{server.port}/vosk"
    with closing(
        websocket.create_connection(address, timeout=20, sslopt={"context": server.trusting})
    ) as connected:
        yield connected


def send(client: websocket.WebSocket, **message: object) -> None:
    client.send(json.dumps(message))


def received_until(client: websocket.WebSocket, key: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while not messages or key not in messages[-1]:
        messages.append(json.loads(client.recv()))
    return messages


def words_of(client: websocket.WebSocket) -> list[dict[str, Any]]:
    send(client, eof=1)
    messages = received_until(client, "transcript_id")
    return [word for message in messages for word in message.get("result", [])]


def test_any_key_counts_as_none_where_visitors_may_transcribe(server: Server) -> None:
    trust = {"context": server.trusting}
    header = ["Authorization: Bearer anything"]
    address = f"wss://localhost:{server.port}/vosk"
    with closing(websocket.create_connection(address, timeout=20, sslopt=trust, header=header)) as client:
        client.send_binary(spoken(1, 8) + silence(1))
        assert [word["word"] for word in words_of(client)] == WORDS
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(address, timeout=20, sslopt=trust, header=[f"{header[0][:22]}wa_wrong"])
    assert refused.value.status_code == 401


def test_words_have_times_and_confidence(client: websocket.WebSocket) -> None:
    client.send_binary(spoken(1, 8) + silence(1))
    words = words_of(client)
    assert [word["word"] for word in words] == WORDS
    assert all(set(word) == {"word", "start", "end", "conf"} for word in words)
    assert [word["start"] for word in words] == sorted(word["start"] for word in words)


def test_a_client_that_waits_for_a_reply_to_each_chunk_gets_one(client: websocket.WebSocket) -> None:
    pcm = spoken(1, 8) + silence(1)
    replies = []
    for at in range(0, len(pcm), 8000):
        client.send_binary(pcm[at : at + 8000])
        replies.append(json.loads(client.recv()))
    assert all({"partial", "text"} & set(reply) for reply in replies)
    send(client, eof=1)
    replies += received_until(client, "transcript_id")
    assert [word["word"] for reply in replies for word in reply.get("result", [])] == WORDS


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        '{"config": {"sample_rate": 7999}}',
        '{"config": {"sample_rate": 47999}}',
        '{"config": {"sample_rate": [16000]}}',
        '{"config": {"sample_rate": "fast"}}',
        '{"config": {"sample_rate": 1e999}}',
        '{"config": {"language": 5}}',
        '{"config": 3}',
        "[" * 100_000,
    ],
)
def test_a_wrong_message_is_answered_and_the_connection_continues(
    client: websocket.WebSocket, message: str
) -> None:
    client.send(message)
    assert received_until(client, "error")[-1]["code"] == "invalid_request"
    client.send_binary(spoken(1, 8) + silence(1))
    assert [word["word"] for word in words_of(client)] == WORDS


def test_audio_of_48_khz_keeps_its_times(client: websocket.WebSocket) -> None:
    pcm = spoken(1, 8) + silence(1)
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    tripled = struct.pack(f"<{len(samples) * 3}h", *(each for each in samples for _ in range(3)))
    send(client, config={"sample_rate": 48_000})
    for at in range(0, len(tripled), 96_000):
        client.send_binary(tripled[at : at + 96_000])
    words = words_of(client)
    assert [word["word"] for word in words] == WORDS
    assert 0 <= words[0]["start"] < words[-1]["end"] <= len(samples) / 16_000


def test_the_end_without_audio_is_answered(client: websocket.WebSocket) -> None:
    send(client, eof=1)
    assert received_until(client, "text")[-1] == {"text": ""}
