"""The same file, model and options give the same words at the same times."""

import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.times import assert_times_hold
from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.engines.contract import EngineSpec, Options, Priority, Quality
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.transcription.transcribe import TranscriptionRequest, WindowDone, transcribe

pytestmark = pytest.mark.slow  # decodes with a real model


@contextmanager
def engine(tiny_en: Path, workers: int) -> Iterator[EngineProcess]:
    process = EngineProcess(EngineSpec("onnxruntime", "tiny.en", tiny_en, "cpu", workers=workers))
    process.start()
    try:
        yield process
    finally:
        process.close()


def transcribed(
    process: EngineProcess, path: Path, folder: Path, options: Options, done: list[WindowDone], keep: int = 0
) -> Transcript:
    """The transcript in windows of 5 s; of an earlier attempt's `done`, the first `keep` windows are kept."""
    finished = {window.start_sample: window.result for window in done[:keep]}
    del done[:]
    request = TranscriptionRequest(options, Priority.BATCH, "tiny.en", target_seconds=5.0, finished=finished)
    with decode(path, folder=folder, limits=DecodeLimits()) as recording:
        return transcribe(recording, process, request, on_window=done.append)


def assert_same(transcript: Transcript, expected: Transcript) -> None:
    """Words, times and languages are equal bit for bit; log-probabilities to the sixth digit."""
    assert [_content(s) for s in transcript.segments] == [_content(s) for s in expected.segments]
    for one, other in zip(transcript.segments, expected.segments, strict=True):
        assert one.avg_logprob == pytest.approx(other.avg_logprob, abs=1e-6)


def _content(segment: Segment) -> tuple[object, ...]:
    words = [(word.start, word.end, word.word) for word in segment.words]
    return segment.start, segment.end, segment.text, segment.language, segment.tokens, words


@pytest.fixture(scope="module")
def opening(cities: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 22 s of `cities`: five windows."""
    path = tmp_path_factory.mktemp("opening") / "opening.wav"
    with wave.open(str(cities)) as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        target.writeframes(source.readframes(source.getframerate() * 22))
    return path


@pytest.fixture(scope="module", params=["fast", "balanced", "accurate"])
def alone(
    request: pytest.FixtureRequest, tiny_en: Path, opening: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Options, Transcript, list[WindowDone]]:
    """The options, the transcript by one worker with nothing beside it, and its windows."""
    options = Options(quality=request.param, word_timestamps=True)
    done: list[WindowDone] = []
    with engine(tiny_en, 1) as process:
        return options, transcribed(process, opening, tmp_path_factory.mktemp("alone"), options, done), done


def test_more_workers_and_other_work_beside_change_nothing(
    alone: tuple[Options, Transcript, list[WindowDone]],
    tiny_en: Path,
    opening: Path,
    nagg_and_nell: Path,
    tmp_path: Path,
) -> None:
    options, expected, _ = alone
    with engine(tiny_en, 2) as process:
        (tmp_path / "beside").mkdir()
        beside = threading.Thread(
            target=transcribed, args=(process, nagg_and_nell, tmp_path / "beside", options, [])
        )
        beside.start()
        transcript = transcribed(process, opening, tmp_path, options, [])
        beside.join()
    assert_same(transcript, expected)
    assert_times_hold(transcript)


def test_a_restart_in_the_middle_changes_nothing(
    alone: tuple[Options, Transcript, list[WindowDone]], tiny_en: Path, opening: Path, tmp_path: Path
) -> None:
    options, expected, done = alone
    with engine(tiny_en, 2) as process:
        for keep in (1, len(done) // 2, len(done) - 1):
            transcript = transcribed(process, opening, tmp_path, options, list(done), keep)
            assert_same(transcript, expected)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_seed_stands_in_the_provenance(
    tiny_en: Path, beckett: Path, tmp_path: Path, temperature: float
) -> None:
    quality: Quality = "balanced"
    with engine(tiny_en, 2) as process:
        first, again, other = (
            transcribed(
                process, beckett, tmp_path, Options(quality=quality, temperature=temperature, seed=seed), []
            )
            for seed in (7, 7, 8)
        )
    assert first.segments == again.segments
    assert first.provenance
    assert first.provenance.options["seed"] == 7
    assert (first.segments == other.segments) == (temperature == 0)
