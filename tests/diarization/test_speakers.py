"""Speakers of segments by turns and channels."""

from dataclasses import replace

from whisper_appliance.diarization.contract import Turn
from whisper_appliance.diarization.speakers import with_channels, with_turns
from whisper_appliance.transcript.model import Segment, Transcript, Word


def transcript(*segments: Segment) -> Transcript:
    return Transcript(segments, "en", 1.0, 20.0, "transcribe", "base", 1.0)


def words(text: str) -> tuple[Word, ...]:
    """One word a second."""
    return tuple(Word(at, at + 1.0, f" {word}", 0.9) for at, word in enumerate(text.split()))


def test_a_segment_belongs_to_whoever_speaks_most_of_it_or_nearest_to_it() -> None:
    turns = (Turn(0, 3, 0), Turn(2.5, 6, 1))
    named = with_turns(transcript(Segment(0, 3, " a"), Segment(2, 5, " b"), Segment(9, 10, " c")), turns)
    assert [each.speaker for each in named.segments] == ["Speaker 1", "Speaker 2", "Speaker 2"]


def test_a_segment_is_cut_between_words_where_the_speaker_changes() -> None:
    segment = Segment(0, 5, " yes I know him well", words=words("yes I know him well"), tokens=(1, 2))
    named = with_turns(transcript(segment), (Turn(0, 1.1, 0), Turn(1.1, 5, 1)))
    assert [(each.speaker, each.text) for each in named.segments] == [
        ("Speaker 1", " yes"),
        ("Speaker 2", " I know him well"),
    ]
    assert [(each.start, each.end) for each in named.segments] == [(0, 1), (1, 5)]
    assert named.text == transcript(segment).text


def test_a_moment_of_another_voice_cuts_no_segment() -> None:
    short = tuple(replace(word, start=word.start / 4, end=word.end / 4) for word in words("a b c d e f"))
    segment = Segment(0, 1.5, " a b c d e f", words=short)
    named = with_turns(transcript(segment), (Turn(0, 0.5, 0), Turn(0.5, 0.75, 1), Turn(0.75, 1.5, 0)))
    assert [each.speaker for each in named.segments] == ["Speaker 1"]


def test_channels_are_speakers() -> None:
    named = with_channels(transcript(Segment(0, 1, " a", channel=2), Segment(1, 2, " b", channel=1)))
    assert [each.speaker for each in named.segments] == ["Speaker 2", "Speaker 1"]
