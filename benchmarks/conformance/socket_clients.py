"""Clients of Vosk, Deepgram, Wyoming and MCP."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import websocket
from deepgram import DeepgramClient, DeepgramClientEnvironment
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info

from benchmarks.conformance.target import TIMEOUT_SECONDS, UNKNOWN_KEY, NotChecked, Row, Target, expect

CHUNK_BYTES = 8000


def _vosk(target: Target) -> None:
    """As vosk-server's example does: it waits for a reply after each chunk."""
    trust = {} if isinstance(target.trust, bool) else {"context": target.trust}
    client = websocket.create_connection(
        f"{target.websocket}/vosk",
        header=[f"Authorization: Bearer {target.key}"],
        sslopt=trust,
        timeout=TIMEOUT_SECONDS,
    )
    results = []
    try:
        client.send(json.dumps({"config": {"sample_rate": 16_000}}))
        for at in range(0, len(target.pcm), CHUNK_BYTES):
            client.send_binary(target.pcm[at : at + CHUNK_BYTES])
            results.append(json.loads(client.recv()))
        client.send(json.dumps({"eof": 1}))
        while message := client.recv():
            results.append(json.loads(message))
    except websocket.WebSocketConnectionClosedException:
        pass
    finally:
        client.close()
    problem = next((each for each in results if "error" in each), None)
    expect(problem is None, str(problem))
    words = [word for each in results for word in each.get("result", ())]
    expect(words and {"word", "start", "end", "conf"} <= set(words[0]), "the results have no words")
    target.check_words(" ".join(each["text"] for each in results if "text" in each))


@contextmanager
def _trusted(target: Target) -> Iterator[None]:
    """Deepgram's client has no option for an authority; OpenSSL reads it from the environment."""
    before = os.environ.get("SSL_CERT_FILE")
    if target.authority:
        os.environ["SSL_CERT_FILE"] = str(target.authority)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("SSL_CERT_FILE", None)
        else:
            os.environ["SSL_CERT_FILE"] = before


def _deepgram(target: Target) -> DeepgramClient:
    environment = DeepgramClientEnvironment(
        base=target.url, production=target.websocket, agent=target.websocket, agent_rest=target.url
    )
    return DeepgramClient(api_key=target.key, environment=environment)


def _deepgram_file(target: Target) -> None:
    with _trusted(target):
        made: Any = _deepgram(target).listen.v1.media.transcribe_file(
            request=target.audio.read_bytes(), model="nova-3"
        )
    target.check_words(made.results.channels[0].alternatives[0].transcript)


def _deepgram_live(target: Target) -> None:
    received: list[Any] = []
    with (
        _trusted(target),
        _deepgram(target).listen.v1.connect(
            model="nova-3", encoding="linear16", sample_rate=16_000, interim_results=True
        ) as connection,
    ):
        reader = threading.Thread(target=lambda: received.extend(connection), daemon=True)
        reader.start()
        for at in range(0, len(target.pcm), CHUNK_BYTES):
            connection.send_media(target.pcm[at : at + CHUNK_BYTES])
        connection.send_close_stream()
        reader.join(TIMEOUT_SECONDS)
    expect(received and received[-1].type == "Metadata", "the last message is not Metadata")
    finals = [each for each in received if each.type == "Results" and each.is_final]
    target.check_words(" ".join(each.channel.alternatives[0].transcript for each in finals))


def _wyoming(target: Target) -> None:
    if not target.wyoming:
        raise NotChecked("no --wyoming HOST:PORT")
    host, _, port = target.wyoming.rpartition(":")
    shape = {"rate": 16_000, "width": 2, "channels": 1}

    async def transcribe() -> str:
        async with AsyncTcpClient(host, int(port)) as connection:
            await connection.write_event(Describe().event())
            described = await connection.read_event()
            expect(described is not None and Info.is_type(described.type), "no info")
            await connection.write_event(Transcribe(language="en").event())
            await connection.write_event(AudioStart(**shape).event())
            for at in range(0, len(target.pcm), CHUNK_BYTES):
                chunk = AudioChunk(audio=target.pcm[at : at + CHUNK_BYTES], **shape)
                await connection.write_event(chunk.event())
            await connection.write_event(AudioStop().event())
            while event := await connection.read_event():
                if Transcript.is_type(event.type):
                    return str(Transcript.from_event(event).text)
        return ""

    target.check_words(asyncio.run(asyncio.wait_for(transcribe(), TIMEOUT_SECONDS)))


def _mcp(target: Target) -> None:
    async def tools() -> set[str]:
        headers = {"Authorization": f"Bearer {target.key}"}
        async with (
            httpx2.AsyncClient(headers=headers, verify=target.trust, trust_env=False) as http,
            Client(streamable_http_client(f"{target.url}/mcp", http_client=http)) as client,
        ):
            return {tool.name for tool in (await client.list_tools()).tools}

    if target.key == UNKNOWN_KEY:
        raise NotChecked("MCP needs a user's key: --key")
    expect(asyncio.run(asyncio.wait_for(tools(), TIMEOUT_SECONDS)), "there are no tools")


ROWS = (
    Row("Vosk clients", "a reply for each chunk, words", "recorded", _vosk),
    Row("Deepgram, Python", "recordings", "client", _deepgram_file),
    Row("Deepgram, Python", "live speech", "client", _deepgram_live),
    Row("Home Assistant (Wyoming)", "info, transcript", "client", _wyoming),
    Row("MCP clients", "tools", "client", _mcp),
)
