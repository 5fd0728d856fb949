"""Corrections: what each operation does to segments, and which times words have afterwards."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.times import assert_times_hold
from whisper_appliance.core.errors import ChangedMeanwhile, InvalidRequest, NotFound
from whisper_appliance.transcript.editing.differences import difference, with_hunks, word_difference
from whisper_appliance.transcript.editing.operations import (
    Delete,
    Insert,
    Merge,
    Operation,
    RenameSpeaker,
    ReplaceText,
    ReplaceWord,
    SetSpeaker,
    SetTimes,
    Split,
    TimedWord,
    edited,
    keyed,
)
from whisper_appliance.transcript.editing.word_times import retimed, with_aligned
from whisper_appliance.transcript.model import Segment, Transcript, Word


def spoken(text: str, start: float = 0.0, second: float = 1.0) -> Segment:
    """A segment whose words take `second` each, one after the other."""
    words = tuple(
        Word(start + at * second, start + (at + 1) * second, f" {word}", 0.5)
        for at, word in enumerate(text.split())
    )
    return Segment(start, words[-1].end, f" {text}", words=words)


def talk(*texts: str) -> Transcript:
    """A transcript of segments, each ten seconds after the one before."""
    segments = tuple(spoken(text, at * 10.0) for at, text in enumerate(texts))
    return keyed(Transcript(segments, "en", 1.0, len(texts) * 10.0, "transcribe", "base", 1.0))


def texts(transcript: Transcript) -> list[str]:
    return [segment.text.strip() for segment in transcript.segments]


def times(segment: Segment) -> dict[str, tuple[float, float]]:
    return {word.word.strip(): (round(word.start, 3), round(word.end, 3)) for word in segment.words}


def test_a_corrected_word_has_the_times_of_the_wrong_one() -> None:
    after = retimed(spoken("we met Kulbna Shavla there"), "we met Gulnara Shavla there")
    assert times(after)["Gulnara"] == (2.0, 3.0)
    assert [word.probability for word in after.words] == [0.5, 0.5, 1.0, 0.5, 0.5]


def test_words_that_stayed_keep_their_times_and_new_ones_share_the_span_of_what_they_replace() -> None:
    after = retimed(spoken("he went a way today"), "he went away today")
    assert times(after) == {"he": (0, 1), "went": (1, 2), "away": (2, 4), "today": (4, 5)}
    after = retimed(spoken("he went today"), "he went far away today")
    assert times(after)["today"] == (2, 3)
    assert 2 == times(after)["far"][0] <= times(after)["far"][1] == times(after)["away"][0]


def test_a_character_of_a_language_without_spaces_keeps_its_time() -> None:
    words = (Word(0, 1, "你好", 0.9), Word(1, 2, "世界", 0.9))
    after = retimed(Segment(0, 2, "你好世界", words=words), "你好新世界")
    assert after.text == "你好新世界"
    assert times(after)["你好"] == (0, 1)
    assert times(after)["世界"] == (1, 2)


def test_a_word_in_two_pieces_stays_in_two_pieces() -> None:
    words = (Word(0, 1, " well", 0.9), Word(1, 2, "-known", 0.8), Word(2, 3, " men", 0.1))
    after = retimed(Segment(0, 3, " well-known men", words=words), "well-known man")
    assert after.words[:2] == words[:2]


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_words_are_always_the_text_and_inside_the_segment(before: str, after: str) -> None:
    before, after = " ".join(before.split()) or "x", " ".join(after.split()) or "y"
    changed = retimed(retimed(spoken("a b c"), before), after)
    assert "".join(word.word for word in changed.words) == changed.text
    assert all(0 <= word.start <= word.end <= 3.0001 for word in changed.words)


def test_a_segment_is_split_between_words() -> None:
    after = edited(talk("one two three four"), [Split("split", "0", len("one two"), "n")])
    assert texts(after) == ["one two", "three four"]
    assert [(s.start, s.end, s.key) for s in after.segments] == [(0, 2, "0"), (2, 4, "n")]
    with pytest.raises(InvalidRequest):
        edited(talk("one two"), [Split("split", "0", 7)])


def test_neighbours_are_joined_and_others_are_not() -> None:
    after = edited(talk("one two", "three", "four"), [Merge("merge", "0", "1")])
    assert texts(after) == ["one two three", "four"]
    assert times(after.segments[0])["three"] == (10, 11)
    with pytest.raises(InvalidRequest):
        edited(talk("one", "two", "three"), [Merge("merge", "0", "2")])


def test_a_split_that_is_joined_again_is_the_segment_as_it_was() -> None:
    before = talk("one two three four")
    after = edited(before, [Split("split", "0", 7, "n"), Merge("merge", "0", "n")])
    assert after == before


def test_one_word_is_replaced_by_its_place() -> None:
    after = edited(talk("one too three"), [ReplaceWord("replace_word", "0", 1, "two")])
    assert texts(after) == ["one two three"]
    with pytest.raises(InvalidRequest):
        edited(talk("one"), [ReplaceWord("replace_word", "0", 1, "two")])


def test_an_inserted_segment_takes_the_times_of_its_words() -> None:
    words = (TimedWord(3.0, 3.4, " in", 0.7), TimedWord(3.4, 3.9, " between", 0.9))
    insert = Insert("insert", "0", "in between", start=3.0, end=4.0, words=words, new="n")
    after = edited(talk("one two", "three"), [Delete("delete", ["1"]), insert])
    assert after.segments[1].words == (Word(3.0, 3.4, " in", 0.7), Word(3.4, 3.9, " between", 0.9))
    other = edited(
        talk("one two", "three"), [Delete("delete", ["1"]), replace(insert, text="other words here")]
    )
    assert "".join(word.word for word in other.segments[1].words) == other.segments[1].text


def test_a_new_segment_takes_the_gap() -> None:
    after = edited(talk("one two", "three"), [Insert("insert", "0", "between", new="n")])
    assert [(s.text, s.start, s.end) for s in after.segments][1] == (" between", 2, 10)
    first = edited(talk("one"), [Insert("insert", "", "before", start=0, end=0)])
    assert texts(first) == ["before", "one"]
    with pytest.raises(InvalidRequest):
        edited(talk("one"), [Insert("insert", "0", "late", start=9, end=99)])
    with pytest.raises(InvalidRequest):
        edited(talk("one"), [Insert("insert", "0", "again", new="0")])


def test_words_move_with_the_times_of_their_segment() -> None:
    after = edited(talk("one two", "three"), [SetTimes("set_times", "0", 4, 8)])
    assert times(after.segments[0]) == {"one": (4, 6), "two": (6, 8)}
    for start, end in ((5, 4), (11, 12), (1, 99)):
        with pytest.raises(InvalidRequest):
            edited(talk("one two", "three"), [SetTimes("set_times", "0", start, end)])


def test_an_empty_text_deletes_and_a_control_character_is_a_space() -> None:
    before = talk("one", "two")
    assert texts(edited(before, [ReplaceText("replace_text", "0", " \n ")])) == ["two"]
    assert texts(edited(before, [ReplaceText("replace_text", "0", "a\x00b\nc")])) == ["a b c", "two"]
    assert texts(edited(before, [Delete("delete", ["0", "1"])])) == []
    with pytest.raises(NotFound):
        edited(before, [Delete("delete", ["7"])])


def test_a_speaker_is_named_renamed_and_joined_with_another() -> None:
    named = edited(talk("a", "b", "c"), [SetSpeaker("set_speaker", ["0", "2"], "Speaker 1")])
    named = edited(named, [SetSpeaker("set_speaker", ["1"], "Ada")])
    joined = edited(named, [RenameSpeaker("rename_speaker", "Speaker 1", "Ada")])
    assert [s.speaker for s in named.segments] == ["Speaker 1", "Ada", "Speaker 1"]
    assert [s.speaker for s in joined.segments] == ["Ada", "Ada", "Ada"]


def test_a_hunk_that_no_longer_fits_is_refused() -> None:
    before = talk("one", "two")
    after = edited(before, [ReplaceText("replace_text", "1", "2")])
    hunks = difference(before.segments, after.segments)
    assert with_hunks(before.segments, hunks) == after.segments
    with pytest.raises(ChangedMeanwhile):
        with_hunks(after.segments, hunks)


TEXTS = st.text("ab ü世", min_size=1, max_size=12).filter(lambda text: text.strip())


def operations() -> st.SearchStrategy[Operation]:
    """An operation on a transcript whose segments may be any of the first ones."""
    key = st.sampled_from(["0", "1", "2", "3"])
    return st.one_of(
        st.builds(ReplaceText, st.just("replace_text"), key, TEXTS | st.just("")),
        st.builds(Split, st.just("split"), key, st.integers(1, 8)),
        st.builds(Merge, st.just("merge"), key, key),
        st.builds(Insert, st.just("insert"), key | st.just(""), TEXTS),
        st.builds(Delete, st.just("delete"), st.lists(key, max_size=2)),
        st.builds(SetTimes, st.just("set_times"), key, st.floats(0, 40), st.floats(0, 40)),
        st.builds(SetSpeaker, st.just("set_speaker"), st.lists(key, max_size=2), st.sampled_from("AB")),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(operations(), max_size=12))
def test_any_edits_leave_a_valid_transcript_and_can_be_taken_back(edits: list[Operation]) -> None:
    state = first = talk("one two three", "four five", "six", "seven eight nine ten")
    history = []
    for each in edits:
        try:
            after = edited(state, [each])
        except (InvalidRequest, NotFound):
            continue
        history.append(difference(state.segments, after.segments))
        assert with_hunks(state.segments, history[-1]) == after.segments
        state = after
        keys = [segment.key for segment in state.segments]
        starts = [segment.start for segment in state.segments]
        assert len(set(keys)) == len(keys)
        assert starts == sorted(starts)
        assert all("".join(w.word for w in s.words) == s.text for s in state.segments if s.words)
    assert_times_hold(state)
    for hunks in reversed(history):
        state = replace(state, segments=with_hunks(state.segments, [hunk.inverse() for hunk in hunks]))
    assert state == first


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d."]), max_size=12)


@given(WORDS, WORDS)
def test_a_word_difference_reads_as_both_texts(before: list[str], after: list[str]) -> None:
    parts = word_difference(" ".join(before), " ".join(after))
    old = " ".join(text for kind, text in parts if kind != "added")
    new = " ".join(text for kind, text in parts if kind != "removed")
    assert (old.split(), new.split()) == (before, after)
    assert all(text for _, text in parts)


def test_only_written_words_get_aligned_times_and_stay_between_the_others() -> None:
    words = (
        Word(1.0, 1.5, " One", 0.9),
        Word(1.5, 2.0, " two", 1.0),
        Word(2.0, 2.5, " three", 1.0),
        Word(2.5, 3.0, " four", 0.8),
    )
    segment = Segment(1.0, 3.0, " One two three four", words=words)
    aligned = (Word(0.5, 1.2, " One two", 0.1), Word(2.2, 2.9, " three", 0.1), Word(2.9, 9.0, " four", 0.1))
    one, two, three, four = with_aligned(segment, aligned)
    assert (one, four) == (words[0], words[3])
    assert two.start == two.end == 1.5  # its aligned time is before the word that stays
    assert (three.start, three.end) == (2.2, 2.5)
    assert with_aligned(segment, aligned[:2]) == words
    assert with_aligned(segment, ()) == words
