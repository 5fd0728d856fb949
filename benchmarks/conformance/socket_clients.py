"""Clients of Vosk, Deepgram, Wyoming and MCP."""

import asyncio
import importlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import websocket
from deepgram import DeepgramClient, DeepgramClientEnvironment

from benchmarks.conformance.target import TIMEOUT_SECONDS, NotChecked, Row, Target, expect

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


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise NotChecked(f"the package {name.partition('.')[0]} is not installed") from None


def _wyoming(target: Target) -> None:
    if not target.wyoming:
        raise NotChecked("no --wyoming HOST:PORT")
    asr, audio, client, info = (_module(f"wyoming.{name}") for name in ("asr", "audio", "client", "info"))
    host, _, port = target.wyoming.rpartition(":")
    shape = {"rate": 16_000, "width": 2, "channels": 1}

    async def transcribe() -> str:
        async with client.AsyncTcpClient(host, int(port)) as connection:
            await connection.write_event(info.Describe().event())
            described = await connection.read_event()
            expect(described is not None and info.Info.is_type(described.type), "no info")
            await connection.write_event(asr.Transcribe(language="en").event())
            await connection.write_event(audio.AudioStart(**shape).event())
            for at in range(0, len(target.pcm), CHUNK_BYTES):
                chunk = audio.AudioChunk(audio=target.pcm[at : at + CHUNK_BYTES], **shape)
                await connection.write_event(chunk.event())
            await connection.write_event(audio.AudioStop().event())
            while event := await connection.read_event():
                if asr.Transcript.is_type(event.type):
                    return str(asr.Transcript.from_event(event).text)
        return ""

    target.check_words(asyncio.run(asyncio.wait_for(transcribe(), TIMEOUT_SECONDS)))


def _mcp(target: Target) -> None:
    mcp, http = _module("mcp"), _module("mcp.client.streamable_http")
    address = f"{target.url}/mcp"

    def client_of(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=headers, timeout=timeout, auth=auth, verify=target.trust, follow_redirects=True
        )

    async def tools() -> set[str]:
        headers = {"Authorization": f"Bearer {target.key}"}
        async with (
            http.streamablehttp_client(address, headers=headers, httpx_client_factory=client_of) as (
                read,
                write,
                _,
            ),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            return {tool.name for tool in (await session.list_tools()).tools}

    expect(asyncio.run(asyncio.wait_for(tools(), TIMEOUT_SECONDS)), "there are no tools")


ROWS = (
    Row("Vosk clients", "a reply for each chunk, words", "recorded", _vosk),
    Row("Deepgram, Python", "recordings", "client", _deepgram_file),
    Row("Deepgram, Python", "live speech", "client", _deepgram_live),
    Row("Home Assistant (Wyoming)", "info, transcript", "client", _wyoming),
    Row("MCP clients", "tools", "client", _mcp),
)
