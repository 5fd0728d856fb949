"""Hallucination filter: invented text is dropped and reported."""

from collections.abc import Callable

import pytest

from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.engines.whisper.repetition import (
    compression_ratio,
    remove_repetition_loops,
    repeats_itself,
)
from whisper_appliance.transcript.model import Dropped, Segment
from whisper_appliance.transcription.hallucinations import filter_hallucinations


def window_result(*texts: str, avg_logprob: float = -0.2) -> WindowResult:
    segments = tuple(Segment(float(i), i + 1.0, f" {t}", avg_logprob) for i, t in enumerate(texts))
    return WindowResult(segments, "en", 1.0)


def voice(*, period: float, pause: float) -> Callable[[float, float], float]:
    """The mean VAD probability of a voice that pauses at the end of each period."""

    def probability(start: float, stop: float) -> float:
        times = [start + (stop - start) * step / 50 for step in range(51)]
        return sum(0.95 if time % period < period - pause else 0.05 for time in times) / len(times)

    return probability


def test_the_hallucination_filter_keeps_speech() -> None:
    result = filter_hallucinations(window_result("Thank you.", "Ask not."), lambda *_: 0.95)
    assert [s.text for s in result.segments] == [" Thank you.", " Ask not."]
    assert result.dropped == ()


def test_thanks_over_silence_are_dropped_and_reported() -> None:
    result = filter_hallucinations(
        window_result("Thank you.", "Ask not."), lambda start, _: 0.2 if start < 1 else 0.9
    )
    assert [s.text for s in result.segments] == [" Ask not."]
    assert result.dropped == (Dropped(0.0, 1.0, "Thank you.", "boilerplate over silence"),)


def test_boilerplate_is_detected_in_other_languages() -> None:
    result = filter_hallucinations(
        window_result("Untertitel der Amara.org-Community", "ご視聴ありがとうございました"), lambda *_: 0.2
    )
    assert result.segments == ()


def test_words_of_low_confidence_without_speech_are_dropped() -> None:
    result = filter_hallucinations(window_result("I am going to", avg_logprob=-0.8), lambda *_: 0.02)
    assert [d.reason for d in result.dropped] == ["no voice"]


def test_expected_words_are_dropped_only_where_nobody_speaks() -> None:
    result = filter_hallucinations(
        window_result("Kulbna Shavla", "Kulbna Shavla."),
        lambda start, _: 0.1 if start < 1 else 0.9,
        "Kulbna Shavla",
    )
    assert [s.start for s in result.segments] == [1.0]
    assert [d.reason for d in result.dropped] == ["vocabulary over silence"]


def test_a_repeated_line_is_a_loop() -> None:
    result = filter_hallucinations(window_result(*["I was close to him."] * 7), lambda *_: 0.9)
    assert result.segments == ()  # the first copies are no better than the others
    assert [(d.start, d.end, d.reason) for d in result.dropped] == [(0.0, 7.0, "repetition")]


@pytest.mark.parametrize("text", ["I was close to him.", "길 옆으로 갔다.", "我们今天走吧。"])
def test_a_sentence_that_is_said_again_after_a_pause_is_kept(text: str) -> None:
    result = filter_hallucinations(window_result(*[text] * 7), voice(period=1.0, pause=0.2))
    assert len(result.segments) == 7
    assert result.dropped == ()


def test_copies_that_were_decoded_by_themselves_are_no_loop() -> None:
    chant = window_result(*["I was close to him."] * 7)
    kept = filter_hallucinations(chant, lambda *_: 0.9, starts=[float(at) for at in range(7)])
    assert kept == chant


def test_a_phrase_twice_in_a_row_is_a_repetition() -> None:
    assert repeats_itself(" Ask what you can do, ask what you can do.")
    assert repeats_itself("그는 길 옆으로 걸어갔다. 그는 길 옆으로 걸어갔다.")
    assert not repeats_itself(" It was the best of times, it was the worst of times.")
    assert not repeats_itself(" No, no, never.")


def test_a_copy_without_the_time_to_say_it_is_dropped() -> None:
    said = tuple(Segment(5.0 * n, 5.0 * n + 4, " Der Raum wurde als Leichenhalle genutzt.") for n in range(3))
    copy = Segment(14.0, 14.2, " Der Raum wurde als Leichenhalle genutzt.")
    result = filter_hallucinations(WindowResult((*said, copy), "de", 1.0), voice(period=5.0, pause=1.0))
    assert result.segments == said
    assert [(d.start, d.end) for d in result.dropped] == [(14.0, 14.2)]


def test_loops_are_cut_and_natural_repetitions_are_kept() -> None:
    assert remove_repetition_loops(" Hey guys!" * 6 + " Hey") == (" Hey guys! Hey", " Hey guys!" * 5)
    assert remove_repetition_loops(" Some more words, words, words, words.")[1] == ""
    assert remove_repetition_loops(" Never, never, never give up.") == (" Never, never, never give up.", "")
    counted = " 1 2 3" + " 5" * 40
    assert remove_repetition_loops(counted, 6.6) == (" 1 2 3 5", " 5" * 39)
    assert remove_repetition_loops(counted, 20.0) == (counted, ""), "somebody said it"
    assert remove_repetition_loops(" Try again. Fail again. Fail better.")[1] == ""
    assert remove_repetition_loops(" no" * 9) == (" no", " no" * 8)
    assert remove_repetition_loops("") == ("", "")


def test_a_loop_in_a_language_without_spaces_is_cut() -> None:
    kept, cut = remove_repetition_loops("谢谢大家" + "我们走吧" * 6)
    assert kept == "谢谢大家我们走吧"
    assert cut == "我们走吧" * 5


def test_repetition_shows_in_the_compression_ratio() -> None:
    assert compression_ratio("ab " * 100) > 2.4 > compression_ratio("It was the best of times.")
    assert compression_ratio("") == 0.0
