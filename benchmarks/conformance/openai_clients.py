"""OpenAI's own clients: Python (synchronous and not), JavaScript, realtime over WebSocket and WebRTC."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import openai
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer

from benchmarks.conformance import schemas
from benchmarks.conformance.target import TIMEOUT_SECONDS, NotChecked, Row, Target, expect

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("openai_client.mjs")
COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTA = "conversation.item.input_audio_transcription.delta"
TEXT_FORMATS = ("text", "srt", "vtt")
REALTIME_SECONDS = 90.0


def _client(target: Target) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=target.trust, trust_env=False)
    return openai.OpenAI(
        api_key=target.key,
        base_url=f"{target.url}/v1",
        http_client=http,
        max_retries=0,
        timeout=TIMEOUT_SECONDS,
    )


def _create(target: Target, **options: Any) -> Any:
    with _client(target) as client:
        return client.audio.transcriptions.with_raw_response.create(
            file=target.audio, model=target.model, **options
        ).http_response


def _json(target: Target) -> None:
    body = _create(target).json()
    schemas.check_schema(body, schemas.JSON, "json")
    target.check_words(body["text"])


def _text_formats(target: Target) -> None:
    with _client(target) as client:
        for name in TEXT_FORMATS:
            made: Any = client.audio.transcriptions.create(
                file=target.audio,
                model=target.model,
                response_format=name,  # type: ignore[call-overload] # a str
            )
            expect(isinstance(made, str) and not made.startswith('"'), f"{name} is no plain text")
            expect(name != "vtt" or made.startswith("WEBVTT\n"), "vtt has no header")


def _verbose(target: Target) -> None:
    body = _create(target, response_format="verbose_json", timestamp_granularities=["word", "segment"]).json()
    schemas.check_schema(body, schemas.VERBOSE, "verbose_json")
    expect(body.get("words") and body.get("segments"), "words or segments are missing")
    expect("words" not in body["segments"][0], "words stand in the segments")
    only_words = _create(target, response_format="verbose_json", timestamp_granularities=["word"]).json()
    expect("segments" not in only_words, "segments come unasked")


def _diarized(target: Target) -> None:
    body = _create(target, response_format="diarized_json", chunking_strategy="auto").json()
    schemas.check_schema(body, schemas.DIARIZED, "diarized_json")


def _logprobs(target: Target) -> None:
    body = _create(target, include=["logprobs"]).json()
    schemas.check_schema(body, schemas.JSON, "json")
    expect(body.get("logprobs"), "there are no logprobs")


def _stream(target: Target) -> None:
    with (
        _client(target) as client,
        client.audio.transcriptions.create(file=target.audio, model=target.model, stream=True) as stream,
    ):
        events = [event.to_dict() for event in stream]
    deltas = [event for event in events if event["type"] == "transcript.text.delta"]
    for event in deltas:
        schemas.check_schema(event, schemas.DELTA, "delta")
    expect(events and events[-1]["type"] == "transcript.text.done", "the stream has no end")
    schemas.check_schema(events[-1], schemas.DONE, "done")
    joined = "".join(str(event["delta"]) for event in deltas)
    expect(joined == events[-1]["text"], "the deltas do not join to the text")
    target.check_words(joined)


def _models(target: Target) -> None:
    with _client(target) as client:
        schemas.check_schema(client.models.list().to_dict(), schemas.MODELS, "models")
        schemas.check_schema(client.models.retrieve(target.model).to_dict(), schemas.MODEL, "model")
        try:
            client.models.retrieve("org/no-such-model")
        except openai.NotFoundError as error:
            schemas.check_schema(error.response.json(), schemas.ERROR, "error")
        else:
            expect(False, "an unknown model is found")


def _errors(target: Target) -> None:
    with _client(target) as client:
        try:
            client.audio.transcriptions.create(file=("x.mp3", b"no audio"), model=target.model)
        except openai.BadRequestError as error:
            schemas.check_schema(error.response.json(), schemas.ERROR, "error")
        else:
            expect(False, "bytes that are no audio are transcribed")
        try:
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
        except openai.NotFoundError as error:
            schemas.check_schema(error.response.json(), schemas.ERROR, "error of another area")


def _async(target: Target) -> None:
    async def transcribe() -> str:
        http = openai.DefaultAsyncHttpxClient(verify=target.trust, trust_env=False)
        async with openai.AsyncOpenAI(
            api_key=target.key, base_url=f"{target.url}/v1", http_client=http, max_retries=0
        ) as client:
            made = await client.audio.transcriptions.create(file=target.audio, model=target.model)
            return made.text

    target.check_words(asyncio.run(transcribe()))


def _javascript(target: Target) -> None:
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules/openai").is_dir():
        raise NotChecked("node or its package openai is not installed")
    variables = dict(os.environ)
    if target.authority:
        variables["NODE_EXTRA_CA_CERTS"] = str(target.authority)
    ran = subprocess.run(
        [node, str(SCRIPT), f"{target.url}/v1", target.key, target.model, str(target.audio)],
        capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=variables, check=False,
    )  # fmt: skip
    expect(ran.returncode == 0, ran.stderr.strip()[-200:])
    made = json.loads(ran.stdout)
    target.check_words(made["text"])
    expect(made["joined"] == made["done"], "the deltas do not join to the text")
    refused = made["refused"]
    expect(refused and refused["status"] == 400 and refused["type"], "an unknown language is no 400")


def _realtime(target: Target) -> None:
    events = asyncio.run(asyncio.wait_for(_over_websocket(target), REALTIME_SECONDS))
    expect(events[0]["type"] == "session.created", "the first event is not session.created")
    deltas = "".join(event["delta"] for event in events if event["type"] == DELTA)
    expect(deltas == events[-1]["transcript"], "the deltas do not join to the transcript")
    target.check_words(deltas)


async def _over_websocket(target: Target) -> list[dict[str, Any]]:
    session: Any = {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": {"model": target.model, "language": "en"},
                "turn_detection": None,
            }
        },
    }
    trust: Any = {} if isinstance(target.trust, bool) else {"ssl": target.trust}
    client = openai.AsyncOpenAI(api_key=target.key, base_url=f"{target.url}/v1")
    events: list[dict[str, Any]] = []
    async with client.realtime.connect(
        extra_query={"intent": "transcription"}, websocket_connection_options=trust
    ) as connection:
        await connection.session.update(session=session)
        for piece in _at_24_khz(target):
            await connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
        await connection.input_audio_buffer.commit()
        async for event in connection:
            events.append(event.to_dict())
            if event.type == COMPLETED:
                return events
            expect(event.type != "error", f"error: {events[-1].get('error')}")
    return events


def _at_24_khz(target: Target) -> list[bytes]:
    """The recording at 24 kHz in pieces of 100 ms; every third sample is repeated, which is near enough."""
    samples = memoryview(target.pcm).cast("h")
    longer = [samples[min(at * 2 // 3, len(samples) - 1)] for at in range(len(samples) * 3 // 2)]
    data = b"".join(sample.to_bytes(2, "little", signed=True) for sample in longer)
    return [data[at : at + 4800] for at in range(0, len(data), 4800)]


def _webrtc(target: Target) -> None:
    text = asyncio.run(_over_webrtc(target))
    target.check_words(text)


async def _over_webrtc(target: Target) -> str:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    player = MediaPlayer(str(target.audio))
    texts: list[str] = []
    said = asyncio.Event()
    channel = peer.createDataChannel("oai-events")
    assert player.audio
    peer.addTrack(player.audio)

    @channel.on("message")
    def receive(message: str) -> None:
        event = json.loads(message)
        if event["type"] == COMPLETED:
            texts.append(event["transcript"])
            if target.words.split()[-1] in event["transcript"].lower():
                said.set()

    await peer.setLocalDescription(await peer.createOffer())
    session: Any = {
        "type": "transcription",
        "audio": {"input": {"transcription": {"model": target.model, "language": "en"}}},
    }
    try:
        answer = await asyncio.to_thread(
            _client(target).realtime.calls.create, sdp=peer.localDescription.sdp, session=session
        )
        await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await asyncio.wait_for(said.wait(), REALTIME_SECONDS)
    finally:
        await peer.close()
    return " ".join(texts)


ROWS = (
    Row("OpenAI, Python", "json", "client", _json),
    Row("OpenAI, Python", "text, srt, vtt", "client", _text_formats),
    Row("OpenAI, Python", "verbose_json with words", "client", _verbose),
    Row("OpenAI, Python", "diarized_json", "client", _diarized),
    Row("OpenAI, Python", "log probabilities", "client", _logprobs),
    Row("OpenAI, Python", "stream", "client", _stream),
    Row("OpenAI, Python", "models", "client", _models),
    Row("OpenAI, Python", "errors", "client", _errors),
    Row("OpenAI, Python (asynchronous)", "json", "client", _async),
    Row("OpenAI, JavaScript", "json, stream, error", "client", _javascript),
    Row("OpenAI, realtime", "WebSocket", "client", _realtime),
    Row("OpenAI, realtime", "WebRTC (aiortc)", "client", _webrtc),
)
