"""Chants: a word that is said again and again is written as often as it was said."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio import samples_of, write_samples
from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import EngineSpec, Options, Priority, WindowResult
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.engines.vad import FRAME_SECONDS
from whisper_appliance.transcript.model import Dropped, Segment, Word
from whisper_appliance.transcription.chants import count_chants, find_utterances
from whisper_appliance.transcription.segmentation import SpeechSpan
from whisper_appliance.transcription.transcribe import TranscriptionRequest, transcribe

UNREADABLE = WindowResult((), "en", 1.0, (), 0.0)


def not_decoded(_: SpeechSpan) -> WindowResult:
    raise AssertionError


@pytest.fixture(scope="module")
def failed(beckett: Path) -> Samples:
    return samples_of(beckett, 2.2, 2.85)


@pytest.fixture(scope="module")
def yes(nagg_and_nell: Path) -> Samples:
    return samples_of(nagg_and_nell, 1.55, 2.05)


def said(word: Samples, times: int, pause: float) -> Samples:
    """The word so many times, a little louder or softer, with pauses that differ."""
    random = np.random.default_rng(times)
    parts: list[Samples] = [np.zeros(8_000, np.float32)]
    for _ in range(times):
        silent = round(pause * random.uniform(0.7, 1.3) * 16_000)
        parts += [word * np.float32(random.uniform(0.7, 1.3)), np.zeros(silent, np.float32)]
    chant = np.concatenate(parts)
    noisy: Samples = (chant + random.normal(0, 1e-4, len(chant))).astype(np.float32)
    return noisy


def span_of(samples: Samples, probability: float = 0.9) -> SpeechSpan:
    return SpeechSpan(0, len(samples), 0, (probability,) * round(len(samples) / SAMPLE_RATE / FRAME_SECONDS))


def counted(samples: Samples, *segments: Segment, **more: object) -> WindowResult:
    dropped = more.get("dropped", ())
    assert isinstance(dropped, tuple)
    result = WindowResult(segments, "en", 1.0, dropped, len(samples) / SAMPLE_RATE)
    return count_chants(result, span_of(samples), lambda: samples, lambda _: UNREADABLE)


@pytest.mark.parametrize("written", [2, 4, 12, 24])
@pytest.mark.parametrize("pause", [0.4, 1.0])
def test_as_many_copies_are_kept_as_were_said(written: int, pause: float, failed: Samples) -> None:
    samples = said(failed, 9, pause)
    (segment,) = counted(samples, Segment(0.2, 9.0, " Failed" + ", failed" * (written - 1), -0.3)).segments
    assert re.findall(r"\w+", segment.text.lower()) == ["failed"] * 9
    assert 0.3 < segment.start < segment.end <= len(samples) / SAMPLE_RATE


def test_copies_that_were_taken_for_a_loop_count(yes: Samples) -> None:
    loop = Dropped(0.9, 9.0, "yes, yes, yes, yes, yes, yes, yes, yes", "repetition")
    result = counted(said(yes, 12, 0.4), Segment(0.3, 0.9, " Yes,"), dropped=(loop,))
    assert [s.text for s in result.segments] == [" Yes," + " yes," * 10 + " yes."]
    assert result.dropped == ()


def test_a_chant_that_was_dropped_as_no_speech_is_restored(yes: Samples) -> None:
    lost = Dropped(0.2, 9.0, "YES YES YES YES YES YES YES YOU", "no speech")
    result = counted(said(yes, 6, 1.0), dropped=(lost,))
    assert [s.text for s in result.segments] == [" YES" * 6]


def of_no_speech(samples: Samples, *decoded: str) -> tuple[WindowResult, list[SpeechSpan]]:
    """The result for a window that was dropped with a mixed text, and the parts that were decoded again."""
    parts: list[SpeechSpan] = []

    def decode(part: SpeechSpan) -> WindowResult:
        parts.append(part)
        text = decoded[min(len(parts), len(decoded)) - 1]
        return WindowResult((Segment(0.0, 2.0, text, -0.3),), "en", 1.0, (), 2.0)

    lost = Dropped(0.2, 9.0, "yes Luo yes Mr Is you at a place in the city", "no speech")
    result = WindowResult((), "en", 1.0, (lost,), len(samples) / SAMPLE_RATE)
    return count_chants(result, span_of(samples), lambda: samples, decode), parts


def test_a_chant_that_was_dropped_with_any_text_is_decoded_by_its_first_copies(yes: Samples) -> None:
    result, (part,) = of_no_speech(said(yes, 9, 0.5), " Yes, yes, yes, yes.")
    assert [s.text for s in result.segments] == [" Yes," + " yes," * 7 + " yes."]
    assert result.dropped == ()
    assert part.stop - part.start < 4 * SAMPLE_RATE


@pytest.mark.parametrize(("alone", "kept"), [(" Wir sind das Volk.", True), (" Berlin Tassolk.", False)])
def test_a_chant_that_is_written_once_for_its_first_copies_is_decoded_by_one(
    alone: str, kept: bool, yes: Samples
) -> None:
    texts = [" Wir lint das Volk.", alone]
    result, parts = of_no_speech(said(yes, 9, 0.5), *texts)
    assert [s.text for s in result.segments] == ([alone * 9] if kept else [])
    assert len(parts) == 2
    assert parts[1].stop - parts[1].start < SAMPLE_RATE


def test_a_dropped_text_stays_dropped_where_no_word_comes_back(yes: Samples) -> None:
    result, parts = of_no_speech(said(yes, 9, 0.5), " You are here at last.")
    assert (result.segments, len(result.dropped), len(parts)) == ((), 1, 1)


def test_other_speech_that_was_dropped_is_not_decoded_again(cities: Path) -> None:
    result, parts = of_no_speech(samples_of(cities, 0, 20), " Yes, yes, yes, yes.")
    assert (result.segments, len(result.dropped), parts) == ((), 1, [])


def test_words_get_the_times_of_their_utterances(failed: Samples) -> None:
    words = tuple(Word(at / 10, at / 10 + 0.1, " failed", 0.8) for at in range(5))
    (segment,) = counted(said(failed, 6, 1.0), Segment(0.0, 0.5, " failed" * 5, words=words)).segments
    assert len(segment.words) == 6
    assert "".join(word.word for word in segment.words) == segment.text
    assert all(0.4 < word.end - word.start < 0.9 for word in segment.words)


@pytest.fixture(scope="module")
def try_again(beckett: Path) -> Samples:
    return samples_of(beckett, 4.95, 5.75)


@pytest.mark.parametrize("written", [2, 4, 12])
def test_a_phrase_of_several_words_has_as_many_copies_as_were_said(written: int, try_again: Samples) -> None:
    lines = [Segment(0.2 + at, 0.9 + at, " Try again.", -0.3) for at in range(written)]
    (segment,) = counted(said(try_again, 10, 0.6), *lines).segments
    assert segment.text == " Try again." * 10


def test_the_words_of_a_phrase_share_its_utterance(try_again: Samples) -> None:
    words = (Word(0.2, 0.4, " Try", 0.8), Word(0.4, 0.9, " again.", 0.8))
    lines = [Segment(0.2 + at, 0.9 + at, " Try again.", -0.3, words=words) for at in range(4)]
    (segment,) = counted(said(try_again, 6, 0.6), *lines).segments
    assert "".join(word.word for word in segment.words) == segment.text == " Try again." * 6
    assert all(one.end <= other.start for one, other in pairwise(segment.words))
    assert {word.probability for word in segment.words} == {0.8}


def test_a_phrase_that_is_said_in_other_speech_is_no_chant(cities: Path) -> None:
    samples = samples_of(cities, 0, 20)
    lines = [Segment(float(at), at + 0.9, " It was the", -0.3) for at in range(20)]
    result = WindowResult(tuple(lines), "en", 1.0, (), 20.0)
    assert count_chants(result, span_of(samples), lambda: samples, not_decoded) is result


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("はいはいはいはいはいはい", "はい" * 8),
        ("仲間へ、仲間へ、仲間へ、仲", "仲間へ、" * 7 + "仲間へ。"),
        (" ハイ ハイ ハイ", " ハイ" * 8),
        (" ママ ママ ママ ママ ママ ママ", " ママ" * 8),
        ("妈妈 爸爸 妈妈 妈妈 妈妈", " 妈妈" * 8),
        ("谢谢，谢谢，谢谢，谢谢，", "谢谢，" * 7 + "谢谢。"),
        ("もしもし、もしもし、もしもし。", "もしもし、" * 7 + "もしもし。"),
        ("もしもし" * 8, "もしもし" * 8),
        ("もし" * 6, "もし" * 8),
        ("好好，好好。", "好好，" + "好好。" * 7),
    ],
)
def test_a_chant_in_a_script_without_spaces_is_counted(written: str, text: str, yes: Samples) -> None:
    words = (Word(0.2, 0.6, written[:2], 0.8),)
    (segment,) = counted(said(yes, 8, 0.5), Segment(0.2, 6.0, written, -0.3, words=words)).segments
    assert segment.text == text
    assert "".join(word.word for word in segment.words) == text


@pytest.mark.parametrize("written", ["パパパパパパパパ", "好好好好", "妈妈"])
def test_a_single_character_that_repeats_stays_as_it_is_written(written: str, yes: Samples) -> None:
    line = Segment(0.2, 6.0, written, -0.3)
    assert counted(said(yes, 8, 0.5), line).segments == (line,)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ([" Bye bye, bye bye, bye bye."], " Bye bye," + " bye bye," * 6 + " bye bye."),
        ([" No no."] * 5, " No no." * 8),
        ([" No, no, no, no."], " No," + " no," * 6 + " no."),
    ],
)
def test_a_word_that_is_said_twice_in_each_copy_stays_twice(
    written: list[str], text: str, yes: Samples
) -> None:
    lines = [Segment(0.2 + at, 0.9 + at, one, -0.3) for at, one in enumerate(written)]
    (segment,) = counted(said(yes, 8, 0.5), *lines).segments
    assert segment.text == text


def test_another_word_between_few_copies_stays(failed: Samples, beckett: Path) -> None:
    samples = np.concatenate([said(failed, 3, 0.4), samples_of(beckett, 3.5, 4.2)])
    line = Segment(0.2, 4.0, " Failed, failed. Genau.", -0.3)
    assert counted(samples, line).segments == (line,)


def test_other_text_around_a_chant_stays(failed: Samples, beckett: Path) -> None:
    before = samples_of(beckett, 3.5, 7.6)
    samples = np.concatenate([before, said(failed, 6, 0.5)])
    result = counted(
        samples, Segment(0.1, 4.0, " No matter. Try again. Fail again."), Segment(4.3, 9.0, " failed," * 11)
    )
    assert result.segments[0].text == " No matter. Try again. Fail again."
    assert len(result.segments[1].text.split()) == 6


def test_a_loop_over_other_speech_is_no_chant(cities: Path) -> None:
    samples = samples_of(cities, 0, 20)
    loop = WindowResult((Segment(0.0, 20.0, " no," * 24),), "en", 1.0, (), 20.0)
    assert count_chants(loop, span_of(samples), lambda: samples, not_decoded) is loop


def test_a_sound_that_is_no_voice_is_no_chant(yes: Samples) -> None:
    samples = said(yes, 8, 0.5)
    loop = WindowResult((Segment(0.0, 8.0, " you" * 9),), "en", 1.0, (), 8.0)
    assert count_chants(loop, span_of(samples, 0.1), lambda: samples, not_decoded) is loop


def test_ordinary_text_reads_no_sound() -> None:
    def read() -> Samples:
        raise AssertionError

    result = WindowResult((Segment(0.0, 5.0, " No, no, never. Ask not."),), "en", 1.0, (), 5.0)
    assert count_chants(result, span_of(np.zeros(80_000, np.float32)), read, not_decoded) is result


def test_silence_has_no_utterances() -> None:
    assert find_utterances(np.zeros(100, np.float32)) == []
    assert find_utterances(np.zeros(16_000, np.float32)) == []


@pytest.fixture(scope="module")
def engine(tiny_en: Path) -> Iterator[EngineProcess]:
    process = EngineProcess(EngineSpec("onnxruntime", "tiny.en", tiny_en, "cpu", workers=2))
    process.start()
    yield process
    process.close()


@pytest.mark.slow
@pytest.mark.parametrize("times", [6, 9, 12])
@pytest.mark.parametrize("pause", [0.4, 1.0])
def test_a_real_model_counts_a_chant(
    times: int, pause: float, failed: Samples, engine: EngineProcess, tmp_path: Path
) -> None:
    path = write_samples(tmp_path / "chant.wav", said(failed, times, pause)[None], "pcm_s16le")
    with decode(path, folder=tmp_path, limits=DecodeLimits()) as recording:
        request = TranscriptionRequest(Options(language="en"), Priority.BATCH, "tiny.en")
        transcript = transcribe(recording, engine, request)
    words = re.findall(r"\w+", "".join(s.text for s in transcript.segments).lower())
    copies = Counter(words).most_common(1)[0][1]  # a small model may take it for another word
    assert abs(copies - times) <= 2
    assert len(words) - copies <= 1
