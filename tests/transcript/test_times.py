"""Times hold in every output, whatever an engine returns."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support.times import assert_times_hold
from whisper_appliance.transcript.codec import to_dict
from whisper_appliance.transcript.formats import render
from whisper_appliance.transcript.model import Dropped, Segment, Transcript, Word
from whisper_appliance.transcript.times import fit, valid_dropped, valid_segments, with_valid_times

SECONDS = st.one_of(st.floats(-1, 70), st.sampled_from([0.0, 9.9999, 10.0, 10.0004]))
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [" Hello there.", "", " ", "\ufffd", " half\ufffd", " 我们走吧。", " one two three four five"]
    ),
)


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    """A segment as a careless engine makes it: times in any order, words that may not be its text."""
    text = draw(TEXTS)
    words = (
        [text[at : at + 4] for at in range(0, len(text), 4)] if draw(st.booleans()) else draw(st.lists(TEXTS))
    )
    timed = tuple(Word(draw(SECONDS), draw(SECONDS), word, 0.5) for word in words)
    return Segment(draw(SECONDS), draw(SECONDS), text, words=timed)


@given(st.lists(segments(), max_size=12), st.one_of(st.floats(0.001, 80), st.sampled_from([0.0, 0.01, 10.0])))
def test_times_hold_in_every_format(given_segments: list[Segment], duration: float) -> None:
    assert_times_hold(Transcript(tuple(given_segments), "en", 1.0, duration, "transcribe", "base", 1.0))


@given(
    st.lists(st.builds(Dropped, SECONDS, SECONDS, TEXTS, st.just("repetition")), max_size=12),
    st.one_of(st.floats(0.001, 80), st.sampled_from([0.0, 0.01, 10.0])),
)
def test_what_was_dropped_has_a_length_inside_the_recording(given: list[Dropped], duration: float) -> None:
    transcript = Transcript((), "en", 1.0, duration, "transcribe", "base", 1.0, dropped=tuple(given))
    held = with_valid_times(transcript)
    assert all(0 <= one.start < one.end <= duration for one in held.dropped)
    assert with_valid_times(held) is held
    assert_times_hold(held)


def test_dropped_texts_whose_times_hold_stay_as_they_are_though_they_overlap() -> None:
    dropped = (Dropped(0.5, 4.0, "la la", "repetition"), Dropped(1.0, 2.0, "la", "no voice"))
    assert valid_dropped(dropped, 0.0, 10.0) == dropped
    (held,) = valid_dropped([Dropped(10.2, 10.2, "la", "repetition")], 0.0, 10.0)
    assert (held.start, held.end) == (9.96, 10.0)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), max_size=20))
def test_spans_that_hold_stay_as_they_are(spans: list[tuple[int, int]]) -> None:
    placed = fit(spans, 0, 10_000, 40)
    assert fit(placed, 0, 10_000, 40) == placed
    assert all(start >= 0 and end - start >= 40 and end <= 10_000 for start, end in placed)
    assert all(one[1] <= other[0] for one, other in pairwise(placed))


def test_valid_times_are_not_touched() -> None:
    segment = Segment(
        0.5, 2.0, " Hello there.", words=(Word(0.5, 1.0, " Hello", 1), Word(1.25, 2.0, " there.", 1))
    )
    assert valid_segments([segment], 0.0, 2.0) == (segment,)


def test_a_segment_of_no_length_behind_the_end_gets_a_frame_before_it() -> None:
    first, last = valid_segments([Segment(1.0, 9.06, " one"), Segment(9.06, 9.06, " two")], 0.0, 8.793)
    assert (first.end, last.start, last.end) == (8.753, 8.753, 8.793)


def test_words_that_are_not_the_text_are_timed_anew() -> None:
    (segment,) = valid_segments([Segment(0, 4, " a bc def", words=(Word(0, 4, " other", 0.5),))], 0, 4)
    assert [word.word for word in segment.words] == [" a", " bc", " def"]
    assert segment.words[-1].end == 4


def test_a_tie_between_segments_and_too_little_room_loses_no_word() -> None:
    many = [Segment(0.0, 0.0, f" {number}") for number in range(50)]
    shown = to_dict(Transcript(tuple(many), "en", 1.0, 0.5, "transcribe", "base", 1.0))
    assert shown["text"].split() == [str(number) for number in range(50)]
    assert len(shown["segments"]) <= 12
    assert json.loads(render(Transcript(tuple(many), "en", 1.0, 0.5, "transcribe", "base", 1.0), "json"))
