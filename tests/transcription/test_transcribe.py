"""Transcription of recordings with a real model and real speech; words are judged by word error rate."""

import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import jiwer
import numpy as np
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from tests.support.audio import samples_of
from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.core.errors import Cancelled
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import EngineSpec, Options, Priority
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcription.transcribe import TranscriptionRequest, WindowDone, transcribe

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
CITIES = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of "
    "foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, "
    "it was the season of Darkness, it was the spring of hope, it was the winter of despair, we had "
    "everything before us, we had nothing before us"
)
CITIES_SECONDS = 24.4


class TranscribeFile(Protocol):
    """Decodes and transcribes a file with the shared engine."""

    def __call__(self, path: Path, options: Options | None = None, **more: object) -> Transcript: ...


@pytest.fixture(scope="module")
def reading(cities: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The words of CITIES, and not the rest of the recording."""
    path = tmp_path_factory.mktemp("reading") / "cities.wav"
    with wave.open(str(cities)) as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        target.writeframes(source.readframes(round(CITIES_SECONDS * source.getframerate())))
    return path


@pytest.fixture(scope="module")
def engine(tiny_en: Path) -> Iterator[EngineProcess]:
    process = EngineProcess(EngineSpec("onnxruntime", "tiny.en", tiny_en, "cpu", workers=2))
    process.start()
    yield process
    process.close()


@pytest.fixture
def transcribe_file(engine: EngineProcess, tmp_path: Path) -> TranscribeFile:
    def _transcribe_file(path: Path, options: Options | None = None, **more: Any) -> Transcript:
        fields = {name: more.pop(name) for name in ("target_seconds", "finished") if name in more}
        request = TranscriptionRequest(options or Options(), Priority.INTERACTIVE, "tiny.en", **fields)
        with decode(path, folder=tmp_path, limits=DecodeLimits()) as recording:
            return transcribe(recording, engine, request, **more)

    return _transcribe_file


def write_wav(path: Path, samples: Samples) -> Path:
    """A 16 kHz mono file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def word_errors(reference: str, text: str) -> float:
    normal = EnglishTextNormalizer()
    return float(jiwer.wer(normal(reference), normal(text)))


def opening(transcript: Transcript) -> str:
    """The words of the transcript up to the end of the reference."""
    return " ".join(transcript.text.split()[: len(CITIES.split())])


def test_a_recording_is_transcribed(transcribe_file: TranscribeFile, beckett: Path) -> None:
    transcript = transcribe_file(beckett)
    assert word_errors(BECKETT, transcript.text) <= 0.1
    assert transcript.language == "en"
    assert 9 < transcript.duration < 11
    assert transcript.warnings == ()
    assert transcript.provenance is not None
    assert len(transcript.provenance.audio_sha256) == 64


@pytest.mark.slow
@pytest.mark.parametrize("quality", ["fast", "balanced", "accurate"])
def test_every_quality_finds_the_words(transcribe_file: TranscribeFile, reading: Path, quality: str) -> None:
    transcript = transcribe_file(reading, Options(quality=quality))  # type: ignore[arg-type]
    assert word_errors(CITIES, opening(transcript)) <= 0.1


@pytest.mark.slow
def test_times_rise_and_words_lie_in_their_segments(transcribe_file: TranscribeFile, reading: Path) -> None:
    transcript = transcribe_file(reading, Options(word_timestamps=True))
    words = [word for segment in transcript.segments for word in segment.words]
    assert all(a.start <= b.start for a, b in pairwise(words))
    assert all(segment.start <= segment.end <= transcript.duration + 0.1 for segment in transcript.segments)
    assert all(0 <= word.probability <= 1 and word.start <= word.end for word in words)
    assert "".join(w.word for w in words).split() == transcript.text.split()


@pytest.mark.slow
def test_a_word_after_a_minute_of_silence_has_its_time(
    transcribe_file: TranscribeFile, beckett: Path, tmp_path: Path
) -> None:
    with decode(beckett, folder=tmp_path, limits=DecodeLimits()) as recording:
        speech = np.concatenate(list(recording.blocks()))
    plain = transcribe_file(beckett, Options(word_timestamps=True))
    late = write_wav(tmp_path / "late.wav", np.concatenate([np.zeros(60 * 16_000, np.float32), speech]))
    shifted = transcribe_file(late, Options(word_timestamps=True))
    assert word_errors(BECKETT, shifted.text) <= 0.1
    first, last = plain.segments[0].words[0], plain.segments[-1].words[-1]
    assert abs(shifted.segments[0].words[0].start - 60 - first.start) < 0.5
    assert abs(shifted.segments[-1].words[-1].end - 60 - last.end) < 0.5


@pytest.mark.parametrize("sound", ["silence", "noise", "hum"])
def test_sound_without_speech_gives_no_text(
    transcribe_file: TranscribeFile, tmp_path: Path, sound: str
) -> None:
    t = np.arange(20 * 16_000) / 16_000
    samples = {
        "silence": np.zeros(len(t)),
        "noise": np.random.default_rng(1).normal(0, 0.05, len(t)),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * t),
    }[sound]
    transcript = transcribe_file(write_wav(tmp_path / "x.wav", samples.astype(np.float32)))
    assert transcript.text == ""
    assert [w.code for w in transcript.warnings] == ["no_speech"]


@pytest.mark.slow
@pytest.mark.parametrize(("times", "pause_seconds"), [(6, 0.15), (8, 0.1)])
def test_a_sentence_that_is_said_again_and_again_is_written_each_time(
    transcribe_file: TranscribeFile, cities: Path, tmp_path: Path, times: int, pause_seconds: float
) -> None:
    said = samples_of(cities, 0.7, 3.0)
    once = np.concatenate([said, np.zeros(round(pause_seconds * 16_000), np.float32)])
    transcript = transcribe_file(write_wav(tmp_path / "again.wav", np.tile(once, times)))
    assert word_errors("It was the best of times. " * times, transcript.text) <= 0.1


@pytest.mark.slow
def test_windows_of_an_earlier_attempt_are_not_decoded_again(
    transcribe_file: TranscribeFile, reading: Path, engine: EngineProcess
) -> None:
    done: list[WindowDone] = []
    fast = Options(quality="fast")  # no windows put together to be read again
    whole = transcribe_file(reading, fast, target_seconds=5.0, on_window=done.append)
    assert len(done) > 2
    finished = {w.start_sample: w.result for w in done[:-1]}
    before = engine.status().windows_done
    again: list[WindowDone] = []
    resumed = transcribe_file(reading, fast, target_seconds=5.0, finished=finished, on_window=again.append)
    assert [w.start_sample for w in again] == [done[-1].start_sample]
    assert engine.status().windows_done - before < len(done) * 3
    assert resumed.text == whole.text


@pytest.mark.slow
def test_progress_rises_to_one(transcribe_file: TranscribeFile, reading: Path) -> None:
    progress: list[float] = []
    transcribe_file(reading, target_seconds=5.0, on_window=lambda w: progress.append(w.progress))
    assert progress == sorted(progress)
    assert progress[-1] > 0.9


@pytest.mark.slow
def test_a_cancelled_recording_stops_at_the_next_window(
    transcribe_file: TranscribeFile, reading: Path
) -> None:
    done: list[WindowDone] = []
    with pytest.raises(Cancelled):
        transcribe_file(
            reading, Options(quality="fast"), target_seconds=5.0, on_window=done.append,
            cancelled=lambda: len(done) >= 2,
        )  # fmt: skip
    assert len(done) == 2


@pytest.mark.slow
def test_a_prompt_that_is_cut_gives_a_warning(transcribe_file: TranscribeFile, beckett: Path) -> None:
    cut = transcribe_file(beckett, Options(prompt="Samuel Beckett wrote this. " * 60))
    assert [warning.code for warning in cut.warnings] == ["prompt_cut"]
    assert transcribe_file(beckett, Options(prompt="Samuel Beckett wrote this.")).warnings == ()


@pytest.mark.slow
def test_a_prompt_changes_the_spelling(transcribe_file: TranscribeFile, beckett: Path) -> None:
    plain = transcribe_file(beckett)
    steered = transcribe_file(beckett, Options(prompt="ever tryed", beam_size=5))
    assert plain.text
    assert steered.text
