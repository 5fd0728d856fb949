"""The simple events of Socket.IO, for small clients."""

import base64
import io
from pathlib import Path

import av
import pytest

from tests.support.live_client import Payload, RecordingClient, client
from tests.support.program import Server
from tests.support.speech import silence, spoken
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

SPEECH = spoken(1, 8) + silence(1)
WORDS = "w1 w2 w3 w4 w5 w6 w7"


def record(speaker: RecordingClient, chunks: list[object], **options: object) -> Payload:
    """Sends one recording; returns its last result."""
    speaker.emit("start_recording", options)
    speaker.first("recording_started")
    for chunk in chunks:
        speaker.emit("audio_chunk", {"audio_data": chunk})
    speaker.emit("stop_recording", {})
    return speaker.first("transcription_result", ended=True)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("prefix", ["", "data:audio/pcm;base64,"])
def test_chunks_may_be_base64_and_cut_anywhere(speaker: RecordingClient, prefix: str) -> None:
    chunks = [prefix + base64.b64encode(piece).decode() for piece in pieces(SPEECH, 20_001)]
    assert record(speaker, list(chunks))["full_text"] == WORDS


def test_chunks_of_one_media_recorder_are_one_stream(
    server: Server, speaker: RecordingClient, beckett: Path
) -> None:
    end = record(speaker, list(pieces(webm(beckett), 8_000)))
    assert end["seconds"] == pytest.approx(10, abs=0.5)
    assert speaker.of("transcription_error") == []


def webm(speech: Path) -> bytes:
    """A WebM recording as a browser's MediaRecorder makes it."""
    target = io.BytesIO()
    with av.open(str(speech)) as source, av.open(target, "w", format="webm") as out:
        stream = out.add_stream("libopus", rate=48_000, layout="mono")
        resampler = av.AudioResampler("s16", "mono", 48_000)
        for frame in source.decode(audio=0):
            for ready in resampler.resample(frame):
                out.mux(stream.encode(ready))
        out.mux(stream.encode(None))
    return target.getvalue()


def test_a_lost_connection_ends_the_recording_and_keeps_it(server: Server) -> None:
    with client(server) as speaker:
        speaker.emit("start_recording", {"format": "pcm"})
        session = speaker.first("recording_started")["session"]
        speaker.emit("audio_chunk", {"audio_data": SPEECH})
        speaker.first("transcription_result", is_final=True)
    wait_until(lambda: server.get(f"/api/transcripts/{session}")[0] == 200)


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("audio_chunk", {"audio_data": b"too early"}, "bad_format"),
        ("stop_recording", {}, "bad_format"),
        ("start_recording", {"format": "audio/ogg"}, "bad_format"),
        ("start_recording", {"model": "no-such-model"}, "bad_format"),
        ("start_recording", {"format": "pcm", "sample_rate": 44_100}, "bad_format"),
        ("start_recording", 5, "bad_format"),
    ],
)
def test_an_invalid_event_is_answered_with_an_error_event(
    speaker: RecordingClient, event: str, payload: object, code: str
) -> None:
    speaker.emit(event, payload)
    assert speaker.first("transcription_error")["code"] == code


@pytest.mark.parametrize(
    ("chunk", "code"),
    [
        (b"RIFF" + bytes(100), "bad_format"),
        (b"fLaC" + bytes(100), "bad_format"),
        ("not base64!", "bad_format"),
        (None, "bad_format"),
        (b"", "bad_format"),
        (bytes(256 * 1024 + 2), "too_large"),
    ],
)
def test_an_invalid_chunk_is_answered_with_an_error_event(
    speaker: RecordingClient, chunk: object, code: str
) -> None:
    speaker.emit("start_recording", {})
    speaker.emit("audio_chunk", {"audio_data": chunk})
    assert speaker.first("transcription_error")["code"] == code
    speaker.emit("stop_recording", {})
    assert speaker.first("transcription_result", ended=True)["transcript_id"] is None


def test_a_second_start_stops_the_recording_before(speaker: RecordingClient) -> None:
    speaker.emit("start_recording", {"format": "pcm"})
    speaker.emit("audio_chunk", {"audio_data": SPEECH})
    speaker.emit("start_recording", {"format": "pcm"})
    assert speaker.first("transcription_result", ended=True)["full_text"] == WORDS
    wait_until(lambda: len(speaker.of("recording_started")) == 2)
    started = speaker.of("recording_started")
    assert started[0]["session"] != started[1]["session"]
    speaker.emit("stop_recording", {})
    wait_until(lambda: len([end for end in speaker.of("transcription_result") if end.get("ended")]) == 2)
