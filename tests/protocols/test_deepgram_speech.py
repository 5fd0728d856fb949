"""Real speech with a real model through Deepgram's protocol: G.711, Opus packets, and a browser's WebM."""

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import pytest
import websocket

from tests.support.live_client import settings_of
from tests.support.program import REAL, Server, served

pytestmark = pytest.mark.slow  # starts the real program


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("deepgram-speech")
    with served(folder, REAL, **settings_of(tiny_en, folder)) as running:
        yield running


def resampled(speech: Path, rate: int) -> list[av.AudioFrame]:
    resampler = av.AudioResampler("s16", "mono", rate)
    with av.open(str(speech)) as source:
        return [ready for frame in source.decode(audio=0) for ready in resampler.resample(frame)]


def packets_of(speech: Path, codec: str, rate: int) -> list[bytes]:
    """The packets of a codec, without a container."""
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, "mono", "s16"
    frames: list[av.AudioFrame | None] = [*resampled(speech, rate), None]
    fifo = av.AudioFifo()
    sized: list[av.AudioFrame | None] = []
    for frame in frames:
        if frame is not None:
            fifo.write(frame)
    while (frame := fifo.read(encoder.frame_size or 960, partial=True)) is not None:
        sized.append(frame)
    return [bytes(packet) for frame in [*sized, None] for packet in encoder.encode(frame)]


def webm_of(speech: Path) -> bytes:
    """A WebM file with Opus, as a browser's recorder makes it."""
    target = io.BytesIO()
    with av.open(target, "w", format="webm") as container:
        stream: Any = container.add_stream("libopus", rate=48_000, layout="mono")
        for frame in [*resampled(speech, 48_000), None]:
            for packet in stream.encode(frame):
                container.mux(packet)
    return target.getvalue()


def transcribed(server: Server, query: str, messages: list[bytes]) -> tuple[str, dict[str, Any]]:
    address = f"wss://localhost:{server.port}/v1/listen?language=en&{query}"
    with closing(
        websocket.create_connection(address, timeout=60, sslopt={"context": server.trusting})
    ) as client:
        for message in messages:
            client.send_binary(message)
        client.send(json.dumps({"type": "CloseStream"}))
        received: list[dict[str, Any]] = [{"type": ""}]
        while received[-1]["type"] != "Metadata":
            received.append(json.loads(client.recv()))
    finals = [each for each in received if each.get("is_final")]
    text = " ".join(each["channel"]["alternatives"][0]["transcript"] for each in finals)
    return text.lower(), received[-1]


@pytest.mark.parametrize(
    ("query", "codec", "rate"),
    [
        ("encoding=linear16&sample_rate=44100", "pcm_s16le", 44_100),
        ("encoding=mulaw&sample_rate=8000", "pcm_mulaw", 8000),
        ("encoding=opus&sample_rate=48000", "libopus", 48_000),
    ],
)
def test_speech_in_every_encoding_is_transcribed(
    server: Server, beckett: Path, query: str, codec: str, rate: int
) -> None:
    text, metadata = transcribed(server, query, packets_of(beckett, codec, rate))
    assert "ever tried" in text
    assert metadata["duration"] > 3


def test_a_browsers_webm_is_transcribed_without_a_named_encoding(server: Server, beckett: Path) -> None:
    content = webm_of(beckett)
    text, _ = transcribed(server, "", [content[at : at + 4000] for at in range(0, len(content), 4000)])
    assert "ever tried" in text
