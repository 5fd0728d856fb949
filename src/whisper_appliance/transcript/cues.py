"""Subtitle cues (SRT, WebVTT): splits segments into cues with times and lines."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from whisper_appliance.transcript.line_breaking import (
    TextUnit,
    break_into_cues,
    clean,
    join_units,
    split_units,
)
from whisper_appliance.transcript.model import Segment, Transcript, Word
from whisper_appliance.transcript.times import SHORTEST_SEGMENT_MS, fit, joined_to_fit, to_ms

READABLE_MS = 800
SMALLEST_GAP_MS = 80


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle. Times in whole milliseconds of the original file; none is shorter than 1/25 s."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str = ""
    beside: tuple[str, ...] = ()
    """The lines of a translation, below the others."""


def with_spoken_names(transcript: Transcript) -> Transcript:
    """The transcript in which a segment begins with the speaker's name where another one starts to speak."""
    named: list[Segment] = []
    speaker = ""
    for segment in transcript.segments:
        name = clean(segment.speaker)
        named.append(_named(segment, name) if name and name != speaker else segment)
        speaker = name
    return replace(transcript, segments=tuple(named))


def _named(segment: Segment, name: str) -> Segment:
    word = Word(segment.start, segment.start, f"{name}:", 1.0)
    words = (word, *segment.words) if segment.words else ()
    return replace(segment, text=f"{name}: {segment.text.lstrip()}", words=words)


def make_cues(
    transcript: Transcript, *, max_line_chars: int, max_lines: int, beside: Sequence[str] = ()
) -> list[Cue]:
    """The cues of a transcript, in order of time, without overlap, and none past its end.

    The times of its segments hold (`times.with_valid_times`). `beside` are the lines of a translation, one
    for each segment, or none.
    """
    language = transcript.language
    rough = [
        cue
        for place, segment in enumerate(transcript.segments)
        for cue in _with_beside(
            list(_split_segment(segment, language, max_line_chars, max_lines)),
            "".join(beside[place : place + 1]),
            max_line_chars,
        )
    ]
    end = math.floor(round(transcript.duration * 1000, 3))
    shortest = min(SHORTEST_SEGMENT_MS, end)
    if not shortest:
        return []
    rough = joined_to_fit(rough, end // shortest, _joined)
    spans = fit([(cue.start_ms, cue.end_ms) for cue in rough], 0, end, shortest)
    placed = [replace(cue, start_ms=a, end_ms=b) for cue, (a, b) in zip(rough, spans, strict=True)]
    return list(_readable(placed, end))


def _split_segment(segment: Segment, language: str, max_chars: int, max_lines: int) -> Iterator[Cue]:
    text = split_units(segment.text)
    if not text:
        return
    times = _times(segment, text)
    at = 0
    for lines in break_into_cues(text, times, language, max_chars, max_lines):
        last = at + sum(len(line) for line in lines) - 1
        yield Cue(
            times[at][0], times[last][1], tuple(join_units(line) for line in lines), clean(segment.speaker)
        )
        at = last + 1


def _with_beside(cues: list[Cue], translation: str, max_chars: int) -> list[Cue]:
    """The cues of a segment with its translation, each with a part that is as long as it is itself."""
    words = split_units(translation)
    if not words or not cues:
        return cues
    start, end = cues[0].start_ms, max(cues[-1].end_ms, cues[0].start_ms + 1)
    stops = sorted(round(len(words) * (cue.end_ms - start) / (end - start)) for cue in cues[:-1])
    parts = [words[first:stop] for first, stop in pairwise([0, *stops, len(words)])]
    return [replace(cue, beside=_wrapped(part, max_chars)) for cue, part in zip(cues, parts, strict=True)]


def _wrapped(words: Sequence[TextUnit], max_chars: int) -> tuple[str, ...]:
    """The words in lines that are no wider than that, unless one word is."""
    lines: list[list[TextUnit]] = []
    used = 0
    for word in words:
        used += word.width + word.spaced
        if not lines or used > max_chars:
            lines.append([])
            used = word.width
        lines[-1].append(word)
    return tuple(join_units(line) for line in lines)


def _times(segment: Segment, text: Sequence[TextUnit]) -> list[tuple[int, int]]:
    """Start and end of each unit: from the word times if they spell the text, else in proportion."""
    spans = [("".join(word.word.split()), word.start, word.end) for word in segment.words]
    compact = "".join(unit.text for unit in text)
    if "".join(letters for letters, _, _ in spans) != compact:
        spans = [(compact, segment.start, segment.end)]
    edges = [
        _inside(start, end, at, len(letters)) for letters, start, end in spans for at in range(len(letters))
    ]
    times, at = [], 0
    for unit in text:
        stop = at + len(unit.text)
        times.append((to_ms(edges[at][0]), to_ms(edges[stop - 1][1])))
        at = stop
    return times


def _inside(start: float, end: float, at: int, length: int) -> tuple[float, float]:
    """When the character `at` of `length` characters is spoken."""
    step = (end - start) / length
    return start + at * step, start + (at + 1) * step


def _readable(cues: Sequence[Cue], end_ms: int) -> Iterator[Cue]:
    """Extends short cues where there is room, and closes tiny gaps."""
    limits = [*(cue.start_ms for cue in cues[1:]), end_ms][: len(cues)]
    for cue, following in zip(cues, limits, strict=True):
        end = max(cue.end_ms, min(cue.start_ms + READABLE_MS, following))
        yield replace(
            cue, end_ms=following if following < end + SMALLEST_GAP_MS and following != end_ms else end
        )


def _joined(first: Cue, second: Cue) -> Cue:
    beside = first.beside + second.beside
    return Cue(first.start_ms, second.end_ms, first.lines + second.lines, first.speaker, beside)


def format_timestamp(total_ms: int, decimal_mark: str) -> str:
    """A cue time as `hh:mm:ss`, the decimal mark, and milliseconds."""
    seconds, ms = divmod(total_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal_mark}{ms:03d}"


def time_line(cue: Cue, decimal_mark: str) -> str:
    """The line with start and end of a cue, the same in SRT and WebVTT but for the decimal mark."""
    return f"{format_timestamp(cue.start_ms, decimal_mark)} --> {format_timestamp(cue.end_ms, decimal_mark)}"
