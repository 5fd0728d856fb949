"""Real speech with a real model through OpenAI's realtime API: WebSocket at 24 kHz, G.711, and WebRTC."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import openai
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer

from tests.support.live_client import settings_of
from tests.support.program import REAL, Server, served
from tests.support.realtime_client import COMPLETED, Event, connected, openai_client
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

HINTS = {"model": "gpt-4o-transcribe", "language": "en"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("realtime-speech")
    with served(folder, REAL, **settings_of(tiny_en, folder)) as running:
        yield running


def encoded(speech: Path, codec: str, rate: int) -> bytes:
    """The speech as raw samples of a codec."""
    resampler = av.AudioResampler("s16", "mono", rate)
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, "mono", "s16"
    with av.open(str(speech)) as source:
        frames = [ready for frame in source.decode(audio=0) for ready in resampler.resample(frame)]
    packets = [packet for frame in [*frames, None] for packet in encoder.encode(frame)]
    return b"".join(bytes(packet) for packet in packets)


@pytest.mark.parametrize(
    ("format_type", "codec", "rate"),
    [
        ("audio/pcm", "pcm_s16le", 24_000),
        ("audio/pcmu", "pcm_mulaw", 8000),
        ("audio/pcma", "pcm_alaw", 8000),
    ],
)
def test_speech_in_every_format_is_transcribed(
    server: Server, beckett: Path, format_type: str, codec: str, rate: int
) -> None:
    with connected(server) as session:
        session.configure(format={"type": format_type}, transcription=HINTS, turn_detection=None)
        session.append(encoded(beckett, codec, rate))
        session.send("input_audio_buffer.commit")
        completed = session.first(COMPLETED)
        text = completed["transcript"].lower()
        assert "ever tried" in text
        assert "fail better" in text
        assert session.deltas == completed["transcript"]
        assert completed["usage"]["seconds"] == pytest.approx(10, abs=0.5)


def test_speech_over_webrtc_is_transcribed(server: Server, beckett: Path) -> None:
    events = asyncio.run(call(server, beckett))
    assert events[0]["type"] == "session.created"
    text = " ".join(event["transcript"] for event in events if event["type"] == COMPLETED).lower()
    assert "ever tried" in text
    assert "fail better" in text


async def call(server: Server, speech: Path) -> list[Event]:
    """Plays the speech to the server as a browser does; returns the events until the last words."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    player = MediaPlayer(str(speech))
    events: list[Event] = []
    said = asyncio.Event()
    channel = peer.createDataChannel("oai-events")
    assert player.audio
    peer.addTrack(player.audio)

    @channel.on("message")
    def receive(message: str) -> None:
        events.append(json.loads(message))
        if events[-1]["type"] == COMPLETED and "better" in events[-1]["transcript"].lower():
            said.set()

    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp
    session: Any = {"type": "transcription", "audio": {"input": {"transcription": HINTS}}}
    answer = await asyncio.to_thread(openai_client(server).realtime.calls.create, sdp=offer, session=session)
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    try:
        await asyncio.wait_for(said.wait(), 40)
    finally:
        await peer.close()
    return events


@pytest.mark.parametrize("offer", ["", "v=0", "m=audio", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"])
def test_an_offer_that_cannot_be_used_is_a_clear_error(server: Server, offer: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client(server).realtime.calls.create(sdp=offer)
    assert refused.value.param == "sdp"
    wait_until(lambda: server.get_json("/api/status"))


def test_a_call_that_cannot_work_is_refused_at_once(server: Server) -> None:
    hints = {"transcription": {"model": "no-such-model"}}
    session: Any = {"type": "transcription", "audio": {"input": hints}}
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client(server).realtime.calls.create(sdp="v=0", session=session)
    assert refused.value.param == "model"
