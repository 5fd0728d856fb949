"""A window that was hard to hear is heard again with what was said before."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.scripted_engine import load_scripted
from whisper_appliance.speech.engine import EngineSpec, Options, Priority, Quality, Samples, WindowResult
from whisper_appliance.speech.engine_process import EngineProcess
from whisper_appliance.speech.transcribe import transcribe
from whisper_appliance.speech.transcript import Notice, Transcript


class Silence:
    """A recording in which nothing is heard."""

    audio_sha256 = ""
    notices: tuple[Notice, ...] = ()

    def __init__(self, seconds: float) -> None:
        self.seconds = self.estimated_seconds = seconds

    def read(self, start: int, stop: int) -> Samples:
        return np.zeros(max(0, min(stop, round(self.seconds * 16_000)) - start), np.float32)

    def blocks(self, seconds: float = 30.0) -> Iterator[Samples]:
        yield self.read(0, round(self.seconds * 16_000))


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    process = EngineProcess(EngineSpec("faster-whisper", "scripted", Path("/nowhere")), load=load_scripted)
    process.start()
    yield process
    process.close()


def heard(engine: EngineProcess, quality: Quality) -> Transcript:
    options = Options(language="en", prompt="unsure", quality=quality, vad=False)
    return transcribe(
        Silence(22), engine, options, priority=Priority.BATCH, model="scripted", target_seconds=5.0
    )


def test_what_was_said_before_helps_with_all_windows_but_the_first(engine: EngineProcess) -> None:
    texts = [segment.text for segment in heard(engine, "balanced").segments]
    assert texts[0] == " unsure"
    assert len(texts) > 2
    assert all(text.startswith(" sure after (50364, 1, 50464") for text in texts[1:])


def test_fast_hears_once(engine: EngineProcess) -> None:
    assert {segment.text for segment in heard(engine, "fast").segments} == {" unsure"}


def test_what_an_earlier_attempt_read_as_one_is_not_heard_again(engine: EngineProcess) -> None:
    done: dict[int, WindowResult] = {}
    options = Options(language="en", prompt="unsure", vad=False)

    def hear(finished: dict[int, WindowResult]) -> Transcript:
        return transcribe(
            Silence(22), engine, options, priority=Priority.BATCH, model="scripted", target_seconds=5.0,
            finished=finished, on_window=lambda window: done.update({window.start_sample: window.result}),
        )  # fmt: skip

    first = hear({})
    assert len(done) < 4  # a window by itself, and the run of the others
    again = dict(done)
    done.clear()
    assert hear(again).segments == first.segments
    assert done == {}


def test_words_are_told_while_later_windows_are_still_heard(engine: EngineProcess) -> None:
    options = Options(language="en", prompt="sleep 0.1", quality="fast", vad=False)
    told: list[int] = []
    transcribe(
        Silence(80), engine, options, priority=Priority.BATCH, model="scripted", target_seconds=5.0,
        on_window=lambda window: told.append(engine.status().windows_done),
    )  # fmt: skip
    assert len(told) > 8
    assert told[0] < told[-1]
