"""Omission detection: speech without text is found, and the gap is filled by a retry of that part alone."""

from dataclasses import replace

import pytest

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.engines.vad import FRAME_SECONDS
from whisper_appliance.transcript.model import Dropped, Segment
from whisper_appliance.transcription.gaps import fill_gaps, find_untranscribed_speech
from whisper_appliance.transcription.segmentation import SpeechSpan

SENTENCE = " Some fourteen words are said here within seven seconds, as people do when reading aloud."


def span(*voiced: tuple[float, float], start_seconds: float = 100.0, seconds: float = 28.0) -> SpeechSpan:
    """Somebody speaks between these times, which count from the span's start."""
    frames = [0.0] * round(seconds / FRAME_SECONDS)
    for start, stop in voiced:
        for index in range(round(start / FRAME_SECONDS), round(stop / FRAME_SECONDS)):
            frames[index] = 0.9
    first = round(start_seconds * SAMPLE_RATE)
    first_frame = round(start_seconds / FRAME_SECONDS)
    return SpeechSpan(first, first + round(seconds * SAMPLE_RATE), first_frame, tuple(frames))


def window_result(*segments: Segment, dropped: tuple[Dropped, ...] = ()) -> WindowResult:
    return WindowResult(segments, "en", 1.0, dropped, 28.0)


def test_complete_text_has_no_gap() -> None:
    result = window_result(*(Segment(at, at + 7.0, SENTENCE) for at in (0.0, 7.0, 14.0, 21.0)))
    assert list(find_untranscribed_speech(result, span((0, 28)))) == []


def test_speech_without_text_is_a_gap() -> None:
    result = window_result(Segment(0.0, 7.0, SENTENCE), Segment(14.0, 28.0, 2 * SENTENCE))
    assert list(find_untranscribed_speech(result, span((0, 28)))) == [(7.0, 14.0)]


def test_one_word_in_place_of_a_sentence_is_a_gap() -> None:
    result = window_result(
        Segment(0.0, 7.0, SENTENCE), Segment(7.0, 14.0, " minutes."), Segment(16.0, 28.0, 2 * SENTENCE)
    )
    assert list(find_untranscribed_speech(result, span((0, 28)))) == [(7.0, 16.0)]


@pytest.mark.parametrize(
    "text", [" 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14", " Yes. No. Yes. No. Yes. No. Yes. No."]
)
def test_counting_and_words_said_one_by_one_are_no_gap(text: str) -> None:
    result = window_result(
        Segment(0.0, 7.0, SENTENCE), Segment(7.0, 14.0, text), Segment(14.0, 28.0, 2 * SENTENCE)
    )
    assert list(find_untranscribed_speech(result, span((0, 28)))) == []


def test_speech_after_the_decoded_part_is_no_gap() -> None:
    result = replace(window_result(Segment(0.0, 7.0, SENTENCE)), decoded_seconds=7.0)
    assert list(find_untranscribed_speech(result, span((0, 28)))) == []


def test_a_pause_is_no_gap_and_neither_is_one_word_in_it() -> None:
    result = window_result(
        Segment(0.0, 7.0, SENTENCE), Segment(7.0, 20.0, " Yes."), Segment(20.0, 28.0, SENTENCE)
    )
    assert list(find_untranscribed_speech(result, span((0, 8), (19, 28)))) == []


def test_dropped_segments_are_no_gap() -> None:
    lost = Dropped(7.0, 14.0, "la la la la", "repetition")
    result = window_result(Segment(0.0, 7.0, SENTENCE), Segment(14.0, 28.0, 2 * SENTENCE), dropped=(lost,))
    assert list(find_untranscribed_speech(result, span((0, 28)))) == []


def test_languages_with_few_letters_per_second_have_no_gaps() -> None:
    result = window_result(Segment(0.0, 28.0, "今天天气很好所以我们去公园散步吧。" * 6))
    assert list(find_untranscribed_speech(result, span((0, 28)))) == []


def test_a_gap_is_filled_in_its_place_with_times_of_the_window() -> None:
    minutes = Segment(7.0, 14.0, " minutes.")
    result = window_result(Segment(0.0, 7.0, SENTENCE), minutes, Segment(14.0, 28.0, 2 * SENTENCE))
    retried: list[SpeechSpan] = []

    def decode_gap(gap: SpeechSpan) -> WindowResult:
        retried.append(gap)
        return window_result(Segment(0.5, 6.5, SENTENCE, -0.3, tokens=(1,)))

    assert [(s.start, s.text) for s in fill_gaps(result, span((0, 28)), decode_gap).segments] == [
        (0.0, SENTENCE), (7.5, SENTENCE), (14.0, 2 * SENTENCE),
    ]  # fmt: skip
    assert [(gap.start / SAMPLE_RATE, gap.stop / SAMPLE_RATE) for gap in retried] == [(107.0, 114.0)]


@pytest.mark.parametrize(
    "segments",
    [(), (Segment(0.0, 7.0, " minutes, yes."),), (Segment(0.0, 7.0, SENTENCE, -0.9, tokens=(1,)),)],
)
def test_a_retry_without_more_words_or_of_low_confidence_fills_no_gap(segments: tuple[Segment, ...]) -> None:
    result = replace(window_result(Segment(7.0, 14.0, " minutes.")), decoded_seconds=14.0)
    assert fill_gaps(result, span((7, 14)), lambda _: window_result(*segments)) == result
