"""Live transcription with a real small model; silence and noise give no words."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.audio import BECKETT, TWO_CITIES
from benchmarks.live_clock import Hear, Microphone, by_engine, run
from benchmarks.measuring import word_error_rate

from tests.support.live import LiveHarness
from tests.support.speech import packets
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import EngineSpec, Options, WindowResult
from whisper_appliance.engines.onnx.engine import OnnxEngine
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.live.local_agreement import text_of
from whisper_appliance.live.streaming_state import DecodeTask

OPTIONS = Options(language="en", quality="fast", word_timestamps=True)
RATE = 16_000


def samples_of(path: Path) -> Samples:
    """A recording at 16 kHz, linearly resampled where it has another rate."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        seconds = len(pcm) / file.getframerate()
        at = np.arange(round(seconds * RATE)) * file.getframerate() / RATE
        return np.asarray(np.interp(at, np.arange(len(pcm)), pcm), np.float32)


def nobody(microphone: Microphone, job: DecodeTask) -> WindowResult:
    """Must not be called."""
    raise AssertionError


def noises() -> Iterator[tuple[str, Samples]]:
    random = np.random.default_rng(7)
    time = np.arange(30 * RATE) / RATE
    white = random.standard_normal(len(time))
    clicks = np.zeros(len(time))
    clicks[:: RATE // 2] = 0.9
    yield "silence", np.zeros(len(time), np.float32)
    yield "quiet noise", (0.003 * white).astype(np.float32)
    yield "loud noise", (0.1 * white).astype(np.float32)
    yield "brown noise", (0.1 * np.cumsum(white) / np.abs(np.cumsum(white)).max()).astype(np.float32)
    yield "hum", (0.1 * np.sin(2 * np.pi * 50 * time)).astype(np.float32)
    yield "clicks", clicks.astype(np.float32)


@pytest.mark.parametrize("samples", [pytest.param(samples, id=name) for name, samples in noises()])
def test_audio_without_speech_gives_no_words(samples: Samples) -> None:
    microphone = Microphone(samples, OPTIONS)
    assert run(nobody, [microphone]).jobs == 0
    assert microphone.session.agreement.committed == []


@pytest.fixture(scope="module")
def hear(tiny_en: Path) -> Hear:
    return by_engine(OnnxEngine(EngineSpec("onnxruntime", "tiny.en", tiny_en, device="cpu")))


@pytest.mark.slow
def test_captions_arrive_in_time_and_are_not_revised(hear: Hear, beckett: Path) -> None:
    microphone = Microphone(samples_of(beckett), OPTIONS)
    run(hear, [microphone], cost="model")
    assert word_error_rate([(BECKETT, text_of(microphone.session.agreement.committed))]) <= 0.35
    counts = [shown.committed for shown in microphone.trace]
    assert counts == sorted(counts)
    assert next(shown.at for shown in microphone.trace if shown.tentative) < 3.5


@pytest.mark.slow
def test_a_read_text_is_captioned_with_few_word_errors(hear: Hear, cities: Path) -> None:
    """Audio up to "the other way"; the rest would only make the test longer."""
    microphone = Microphone(samples_of(cities)[: 29 * RATE], OPTIONS)
    run(hear, [microphone], cost="model")
    read = TWO_CITIES.partition("In short")[0]
    assert word_error_rate([(read, text_of(microphone.session.agreement.committed))]) <= 0.10
    assert microphone.longest_buffer <= 16


@pytest.mark.slow
def test_a_recording_sent_faster_than_real_time_is_decoded_completely(
    harness: LiveHarness, tiny_en: Path, cities: Path
) -> None:
    """As after a reconnect: all audio at once, through the real engine process."""
    engine = EngineProcess(EngineSpec("onnxruntime", "tiny.en", tiny_en, device="cpu", workers=2))
    engine.start()
    engine.wait_ready(60)
    harness.models.loaded = engine  # type: ignore[assignment] # the contract's other side
    try:
        opened = harness.open(language="en")
        pcm = (samples_of(cities) * 32767).astype("<i2").tobytes()
        end = harness.stop(opened, harness.send(opened, b"".join(packets(pcm, 65_536))))
        assert word_error_rate([(TWO_CITIES, str(end["text"]))]) <= 0.12
    finally:
        engine.close()
