"""Words of a window result, and the start of the next window."""

import pytest

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import Options, WindowResult
from whisper_appliance.live.hypothesis import context_start, words_of
from whisper_appliance.live.streaming_state import DecodeTask, StreamingState
from whisper_appliance.transcript.model import Segment, Word


def spoken(text: str, start: float = 0.0, each: float = 0.4) -> list[Word]:
    """Words without pauses between them."""
    return [
        Word(start + at * each, start + (at + 1) * each, f" {word}", 0.9)
        for at, word in enumerate(text.split())
    ]


def result(words: list[Word]) -> WindowResult:
    return WindowResult((Segment(0.0, 9.0, "", words=tuple(words)),), "en", 1.0)


def test_words_get_absolute_times_and_punctuation_joins_the_word_before() -> None:
    words = words_of(result([*spoken("Ever tried"), Word(0.8, 0.9, " ...", 0.9)]), offset=10.0)
    assert [(word.word, round(word.end, 1)) for word in words] == [(" Ever", 10.4), (" tried ...", 10.8)]


def test_a_sentence_repeated_in_no_time_is_removed() -> None:
    said = spoken("you don't mean that")
    again = spoken("you don't mean that", start=1.6, each=0.03)
    assert words_of(result([*said, *again]), 0.0) == said
    assert len(words_of(result([*said, *spoken("and so", start=1.6, each=0.03)]), 0.0)) == 6


@pytest.mark.parametrize(
    ("words", "at", "begins"),
    [
        ([], 5.0, 5.0),
        (spoken("one two three four"), 1.6, 0.0),  # all of it is near
        (spoken("a b c d e f g h i j k l m n o p q r s t"), 8.0, 5.2),  # between two words, not before 5.0
        (spoken("a b c d. e f g h i j"), 4.0, 1.6),  # where a sentence begins
        (spoken("one two three"), 3.0, 0.0),
        (spoken("one two three"), 3.3, 3.3),  # too long ago
    ],
)
def test_a_window_begins_with_some_committed_words(words: list[Word], at: float, begins: float) -> None:
    assert context_start(words, round(at * SAMPLE_RATE)) / SAMPLE_RATE == pytest.approx(begins, abs=0.001)


def test_a_prefix_is_not_used_again_after_a_decode_without_new_words() -> None:
    session = StreamingState(Options(), committed=spoken("it was the best"), start=round(1.6 * SAMPLE_RATE))
    session.feed_vad([1.0] * 60)
    job = take(session)
    assert job.prefix == " it was the best"
    session.finish_task(job, result([*spoken("it was the best")]))
    job = take(session)
    assert job.prefix == ""
    session.finish_task(job, result(spoken("it was the best of times")))
    session.feed_vad([1.0] * 20)
    session.finish_task(take(session), result(spoken("it was the best of times")))
    assert "".join(word.word for word in session.agreement.committed) == " it was the best of times"
    session.feed_vad([1.0] * 20)
    assert take(session).prefix == " it was the best of times"


def take(session: StreamingState) -> DecodeTask:
    kind = session.next_task_kind(0.5)
    assert kind
    return session.start_task(kind)
