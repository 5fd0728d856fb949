"""Omission detection: speech without text is found, and the gap is filled by a retry of that part alone."""

from dataclasses import replace
from itertools import pairwise

import pytest

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.engines.vad import FRAME_SECONDS
from whisper_appliance.transcript.model import Dropped, Segment
from whisper_appliance.transcription.gaps import (
    cut_into_pieces,
    fill_gaps,
    find_speech_without_text,
    find_untranscribed_speech,
    redecode_loops,
)
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


@pytest.mark.parametrize(
    ("voiced", "texts", "found"),
    [
        (((0, 5), (5.8, 6.3), (7, 12)), ((0, 5), (7, 12)), [(5.8, 6.3)]),
        (((0, 5), (5.5, 5.7), (7, 12)), ((0, 5), (7, 12)), []),  # a breath
        (((0, 5.6), (6.7, 12)), ((0, 5.1), (7, 12)), []),  # times that are not exact
        (((0, 12),), ((0, 5), (6.2, 12)), [(5, 6.2)]),
        (((0, 12),), ((0, 5), (5.8, 12)), []),
        (((0, 10), (10.4, 11.2)), ((0, 10),), [(10.4, 11.2)]),
        (((1, 1.8),), (), [(1, 1.8)]),
        (((1, 2.2),), (), [(1, 2.2)]),
        (((0, 12), (13, 13.6), (27, 27.6)), ((0, 12),), [(13, 27.6)]),
    ],
)
def test_short_speech_without_text_is_found(
    voiced: tuple[tuple[float, float], ...],
    texts: tuple[tuple[float, float], ...],
    found: list[tuple[float, float]],
) -> None:
    segments = [Segment(start, end, SENTENCE[: round(14 * (end - start))]) for start, end in texts]
    result = replace(window_result(*segments), decoded_seconds=10.0 if len(texts) == 1 else 28.0)
    gaps = find_speech_without_text(result, span(*voiced), 28.0)
    assert [time for gap in gaps for time in gap] == pytest.approx(
        [time for gap in found for time in gap], abs=0.05
    )
    dropped = tuple(Dropped(start, end, "la", "repetition") for start, end in gaps)
    assert find_speech_without_text(replace(result, dropped=dropped), span(*voiced), 28.0) == []


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

    def decode(part: SpeechSpan) -> WindowResult:
        whole = part.stop - part.start == 7 * SAMPLE_RATE
        return window_result(*segments) if whole else window_result()

    assert fill_gaps(result, span((7, 14)), decode) == result


COPY = " Ask what you can do for your country."


def said_again(part: SpeechSpan) -> WindowResult:
    """What Whisper writes of a sentence that is said every three seconds: one copy, however often it was."""
    seconds = (part.stop - part.start) / SAMPLE_RATE
    return window_result(Segment(0.0, seconds, COPY, -0.3, tokens=(1,)))


def chant() -> SpeechSpan:
    """Speech for 27 s, with a dip of the voice every three seconds."""
    voice = span((0, 27), seconds=27.0)
    dips = {round(second / FRAME_SECONDS) for second in range(3, 27, 3)}
    return replace(
        voice, probabilities=tuple(0.6 if at in dips else p for at, p in enumerate(voice.probabilities))
    )


def test_pieces_are_cut_where_the_voice_is_the_least_probable() -> None:
    pieces = cut_into_pieces(chant())
    assert pieces[0].start == chant().start
    assert pieces[-1].stop == chant().stop
    assert all(a.stop == b.start for a, b in pairwise(pieces))
    starts = [(piece.start - chant().start) / SAMPLE_RATE for piece in pieces]
    assert starts == pytest.approx([0, 3, 6, 9, 12, 15, 18, 21, 24], abs=0.1)


@pytest.mark.parametrize("written", [COPY, 2 * COPY])
def test_a_sentence_that_is_said_nine_times_and_written_less_is_decoded_in_pieces(written: str) -> None:
    result = replace(window_result(Segment(0.0, 27.0, written)), decoded_seconds=27.0)
    filled = fill_gaps(result, chant(), said_again)
    assert [segment.text for segment in filled.segments] == [COPY] * 9


def test_what_was_taken_for_a_loop_is_decoded_in_pieces() -> None:
    loop = Dropped(0.0, 27.0, 8 * COPY, "repetition")
    result = replace(window_result(Segment(0.0, 27.0, COPY), dropped=(loop,)), decoded_seconds=27.0)
    again = redecode_loops(result, chant(), said_again)
    assert [segment.text for segment in again.segments] == [COPY] * 9
    assert again.dropped == ()
