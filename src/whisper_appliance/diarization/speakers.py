"""Names the speakers of a transcript by turns or channels, and cuts segments where the speaker changes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from types import MappingProxyType

from whisper_appliance.diarization.contract import Turn
from whisper_appliance.transcript.model import Segment, Transcript, Word

MIN_PIECE_SECONDS = 0.5
"""A speaker who is heard for less inside a segment does not cut it: word times are not that exact."""


MACHINE_NAME = re.compile(r"Speaker \d{1,3}")


def speaker_name(number: int) -> str:
    """What a speaker is called before people name them; the first is 0."""
    return f"Speaker {number + 1}"


def is_machine_name(name: str) -> bool:
    """Whether a speaker of this name was not named by people."""
    return MACHINE_NAME.fullmatch(name) is not None


def with_turns(
    transcript: Transcript, turns: Sequence[Turn], names: Mapping[int, str] = MappingProxyType({})
) -> Transcript:
    """The transcript with the speaker of each segment; those with word times are cut at other speakers.

    `names` are those of speakers who are known; the others are counted in the order in which they are heard.
    """
    if not turns:
        return transcript
    called = speaker_names(turns, names)
    pieces = (piece for segment in transcript.segments for piece in _pieces(segment, turns, called))
    return replace(transcript, segments=tuple(pieces))


def speaker_names(turns: Sequence[Turn], names: Mapping[int, str] = MappingProxyType({})) -> dict[int, str]:
    """The names of all speakers by their numbers; `names` are those of speakers who are known."""
    unknown = sorted({turn.speaker for turn in turns} - set(names))
    return {number: speaker_name(place) for place, number in enumerate(unknown)} | dict(names)


def with_channels(transcript: Transcript) -> Transcript:
    """The transcript whose speakers are the channels."""
    named = (
        replace(each, speaker=speaker_name(each.channel - 1)) if each.channel else each
        for each in transcript.segments
    )
    return replace(transcript, segments=tuple(named))


def _pieces(segment: Segment, turns: Sequence[Turn], called: Mapping[int, str]) -> Iterator[Segment]:
    near = [turn for turn in turns if turn.end > segment.start and turn.start < segment.end] or turns
    main = _speaker_in(segment.start, segment.end, near)
    runs = _runs(segment.words, near)
    if len(runs) < 2:
        yield replace(segment, speaker=called[main])
        return
    for index, (speaker, words) in enumerate(runs):
        first, last = index == 0, index == len(runs) - 1
        yield replace(
            segment,
            start=segment.start if first else words[0].start,
            end=segment.end if last else words[-1].end,
            text="".join(word.word for word in words),
            words=words,
            tokens=segment.tokens if first else (),
            speaker=called[speaker],
        )


def _runs(words: Sequence[Word], turns: Sequence[Turn]) -> list[tuple[int, tuple[Word, ...]]]:
    """Words in a row of one speaker; short runs belong to the speaker before, or to the one behind."""
    runs: list[tuple[int, tuple[Word, ...]]] = []
    for speaker, group in groupby(words, key=lambda word: _speaker_in(word.start, word.end, turns)):
        run = tuple(group)
        is_short = run[-1].end - run[0].start < MIN_PIECE_SECONDS
        if runs and (is_short or speaker == runs[-1][0]):
            runs[-1] = (runs[-1][0], runs[-1][1] + run)
        elif len(runs) == 1 and runs[0][1][-1].end - runs[0][1][0].start < MIN_PIECE_SECONDS:
            runs = [(speaker, runs[0][1] + run)]
        else:
            runs.append((speaker, run))
    return runs


def _speaker_in(start: float, end: float, turns: Sequence[Turn]) -> int:
    """Who speaks most of a stretch, or nearest to it."""
    shared: dict[int, float] = {}
    for turn in turns:
        seconds = min(end, turn.end) - max(start, turn.start)
        if seconds > 0:
            shared[turn.speaker] = shared.get(turn.speaker, 0.0) + seconds
    if shared:
        return max(shared, key=lambda speaker: shared[speaker])
    return min(turns, key=lambda turn: max(turn.start - end, start - turn.end)).speaker
