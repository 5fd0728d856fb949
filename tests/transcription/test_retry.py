"""Retry: windows of low confidence are decoded again, with the preceding text as prompt."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.engines import load_scripted
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import EngineSpec, Options, Priority, Quality, Window, WindowResult
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.transcript.model import Notice, Segment, Transcript
from whisper_appliance.transcription.pending import SpanResult
from whisper_appliance.transcription.pipeline import TranscriptionPipeline, WindowDone
from whisper_appliance.transcription.segmentation import SegmentationConfig, SpeechSpan
from whisper_appliance.transcription.transcribe import TranscriptionRequest, transcribe


class Silence:
    """A recording of silence, with a sound before second `after`."""

    audio_sha256 = ""
    notices: tuple[Notice, ...] = ()

    def __init__(self, seconds: float, *, after: float = 0.0) -> None:
        self.seconds = self.estimated_seconds = seconds
        self.samples = np.zeros(round(seconds * 16_000), np.float32)
        self.samples[: round(after * 16_000)] = 0.5

    def declared_seconds(self) -> float:
        return self.seconds

    def read(self, start: int, stop: int) -> Samples:
        return self.samples[start:stop]

    def blocks(self, seconds: float = 30.0) -> Iterator[Samples]:
        yield self.samples


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    process = EngineProcess(EngineSpec("faster-whisper", "scripted", Path("/nowhere")), load=load_scripted)
    process.start()
    yield process
    process.close()


def request(options: Options, finished: Mapping[int, WindowResult] | None = None) -> TranscriptionRequest:
    return TranscriptionRequest(
        options, Priority.BATCH, "scripted", target_seconds=5.0, finished=finished or {}
    )


def transcribed(engine: EngineProcess, quality: Quality, recording: Silence) -> Transcript:
    options = Options(language="en", prompt="unsure", quality=quality, vad=False)
    return transcribe(recording, engine, request(options))


@pytest.mark.parametrize(("declared", "first"), [(100.0, 20.0), (121.0, 8.0), (None, 8.0)])
def test_the_first_window_is_short_only_where_the_header_does_not_say_that_the_recording_is(
    engine: EngineProcess, monkeypatch: pytest.MonkeyPatch, declared: float | None, first: float
) -> None:
    used: list[float] = []

    def noted(target: float, first_seconds: float) -> SegmentationConfig:
        used.append(first_seconds)
        return SegmentationConfig(target, first_seconds)

    monkeypatch.setattr("whisper_appliance.transcription.transcribe.SegmentationConfig", noted)
    recording = Silence(6)
    monkeypatch.setattr(recording, "declared_seconds", lambda: declared)
    asked = replace(request(Options(language="en")), target_seconds=20.0)
    transcribe(recording, engine, asked)
    assert used == [first]


def test_low_confidence_windows_are_retried_with_context(engine: EngineProcess) -> None:
    texts = [segment.text for segment in transcribed(engine, "balanced", Silence(33, after=8)).segments]
    assert texts[:2] == [" sound"] * 2
    assert len(texts) > 2
    firsts = [text for text in texts[2:] if text == " sure after ()"]
    others = [text for text in texts[2:] if text.startswith(" sure after (50364, 1, 50464")]
    assert others
    assert len(firsts) + len(others) == len(texts[2:])  # each batch begins without context


def test_a_recording_that_begins_with_low_confidence_is_decoded_sequentially(
    engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[Quality] = []
    submit = engine.submit

    def counted(window: Window, **how: Any) -> Future[WindowResult]:
        submitted.append(window.options.quality)
        return submit(window, **how)

    monkeypatch.setattr(engine, "submit", counted)
    texts = [segment.text for segment in transcribed(engine, "balanced", Silence(33)).segments]
    assert texts[0] == " sure after ()"
    assert not any("unsure" in text for text in texts)
    assert sorted(submitted) == ["accurate"] * len(texts) + ["balanced"] * 2


@pytest.mark.parametrize("after", [0.0, 8.0])
def test_a_window_that_is_retried_counts_as_decoded_after_its_retry(
    engine: EngineProcess, monkeypatch: pytest.MonkeyPatch, after: float
) -> None:
    decoded: list[float] = []
    clear: list[float] = []
    submit = engine.submit

    def followed(window: Window, **how: Any) -> Future[WindowResult]:
        if window.options.quality == "accurate":
            clear.append(sum(decoded))
        return submit(window, **how)

    monkeypatch.setattr(engine, "submit", followed)
    options = Options(language="en", prompt="unsure", vad=False)
    emitted: list[WindowDone] = []
    transcribe(
        Silence(33, after=after),
        engine,
        request(options),
        on_window=emitted.append,
        on_decoded=decoded.append,
    )
    assert clear[0] <= after + 5
    spans = [(window.stop_sample - window.start_sample) / 16_000 for window in emitted]
    assert sum(decoded) == pytest.approx(sum(spans))


def test_one_window_of_low_confidence_is_not_retried(engine: EngineProcess) -> None:
    texts = [segment.text for segment in transcribed(engine, "balanced", Silence(5)).segments]
    assert texts == [" unsure"]


def test_quality_fast_does_not_retry(engine: EngineProcess) -> None:
    assert {segment.text for segment in transcribed(engine, "fast", Silence(22)).segments} == {" unsure"}


def test_retried_windows_of_an_earlier_attempt_are_not_decoded_again(engine: EngineProcess) -> None:
    done: dict[int, WindowResult] = {}
    options = Options(language="en", prompt="unsure", vad=False)

    def attempt(finished: dict[int, WindowResult]) -> Transcript:
        return transcribe(
            Silence(22),
            engine,
            request(options, finished),
            on_window=lambda window: done.update({window.start_sample: window.result}),
        )

    first = attempt({})
    assert len(done) == 2  # runs of four windows and of two
    again = dict(done)
    done.clear()
    assert attempt(again).segments == first.segments
    assert done == {}


def test_words_are_emitted_while_later_windows_are_still_decoded(engine: EngineProcess) -> None:
    options = Options(language="en", prompt="sleep 0.1", quality="fast", vad=False)
    emitted: list[int] = []
    transcribe(
        Silence(80),
        engine,
        request(options),
        on_window=lambda window: emitted.append(engine.status().windows_done),
    )
    assert len(emitted) > 8
    assert emitted[0] < emitted[-1]


def test_untranscribed_speech_is_decoded_by_itself(engine: EngineProcess) -> None:
    emitted: list[WindowDone] = []
    options = Options(language="en", prompt="skip")
    pipeline = TranscriptionPipeline(
        Silence(20), engine, options, Priority.BATCH, SegmentationConfig(), {}, emitted.append, lambda: False
    )
    span = SpeechSpan(0, 20 * 16_000, 0, (0.9,) * 625)
    skipped = WindowResult((Segment(0.0, 20.0, " hm"),), "en", 1.0, decoded_seconds=20.0)
    assert pipeline._finalize(SpanResult(span, skipped)).text == " all that was said here" * 10
    assert emitted[0].result.text == " all that was said here" * 10
