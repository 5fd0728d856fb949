"""Recordings of a MediaRecorder: chunks are decoded while others follow, and again after a crash."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.wait import wait_until
from whisper_appliance.live.encoded_recording import EncodedRecording
from whisper_appliance.live.recording import LiveRecording
from whisper_appliance.live.spool import samples_of

PATIENCE_SECONDS = 30.0


CODECS = {"webm": ("libopus", "s16"), "mp4": ("aac", "fltp")}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"}


@pytest.fixture(scope="module", params=CODECS)
def container(request: pytest.FixtureRequest) -> str:
    """The containers of Chromium and Firefox, and of Safari."""
    return str(request.param)


@pytest.fixture(scope="module")
def chunks(beckett: Path, container: str) -> list[bytes]:
    """10 s of speech as a browser records it, in pieces of any length."""
    target = io.BytesIO()
    codec, sample_format = CODECS[container]
    options = FRAGMENTS if container == "mp4" else {}
    with av.open(str(beckett)) as source, av.open(target, "w", format=container, options=options) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(sample_format, "mono", 48_000, frame_size=stream.frame_size or 1024)
        for frame in [*source.decode(audio=0), None]:
            for ready in resampler.resample(frame):
                out.mux(stream.encode(ready))
        out.mux(stream.encode(None))
    data = target.getvalue()
    return [data[at : at + 3000] for at in range(0, len(data), 3000)]


def until_complete(recording: LiveRecording) -> None:
    """Waits for the decoder's end."""

    def is_complete() -> bool:
        recording.poll()
        return recording.complete

    wait_until(is_complete)


def sent(folder: Path, container: str, chunks: list[bytes]) -> EncodedRecording:
    folder.mkdir(exist_ok=True)
    recording = EncodedRecording(folder, container, max_seconds=60)
    for seq in range(recording.next_seq, len(chunks)):
        assert recording.append(seq, chunks[seq])
    return recording


def ended(recording: EncodedRecording) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    recording.finish()
    until_complete(recording)
    samples = recording.read(0, recording.samples)
    recording.close()
    return samples


def test_chunks_are_decoded_while_others_follow(tmp_path: Path, container: str, chunks: list[bytes]) -> None:
    recording = sent(tmp_path / "a", container, chunks[: len(chunks) // 2])
    wait_until(lambda: recording.samples >= 3 * 16_000)
    for seq in range(len(chunks) // 2, len(chunks)):
        recording.append(seq, chunks[seq])
    samples = ended(recording)
    assert len(samples) / 16_000 == pytest.approx(10, abs=0.5)
    assert recording.problem is None
    header = recording.path.read_bytes()
    assert np.array_equal(samples_of(header[44:]), samples)


def test_after_a_crash_the_same_samples_are_decoded(
    tmp_path: Path, container: str, chunks: list[bytes]
) -> None:
    whole = ended(sent(tmp_path / "whole", container, chunks))
    broken = sent(tmp_path / "broken", container, chunks[:7])
    broken.close()
    again = ended(sent(tmp_path / "broken", container, chunks))
    assert np.array_equal(again, whole)


@pytest.mark.parametrize("data", [b"nonsense" * 500, b"", b"\x1aE\xdf\xa3"])
def test_an_undecodable_recording_has_a_problem_message(tmp_path: Path, container: str, data: bytes) -> None:
    recording = sent(tmp_path / "x", container, [data])
    assert len(ended(recording)) == 0
    assert recording.problem
