"""Subtitles as data: what is shown, from when to when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from whisper_appliance.transcript.line_breaking import Piece, divide, joined, pieces
from whisper_appliance.transcript.model import Segment, Transcript

SHORTEST_MS = 800
SMALLEST_GAP_MS = 80
FOREVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle. Times in whole milliseconds of the original file, `end_ms` > `start_ms`."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def cues(transcript: Transcript, *, max_line_chars: int, max_lines: int) -> list[Cue]:
    """The subtitles of a transcript, in order of time, none overlapping another."""
    language = transcript.language
    rough = [
        cue
        for segment in transcript.segments
        for cue in _divided(segment, language, max_line_chars, max_lines)
    ]
    return list(_settled(rough))


def milliseconds(seconds: float) -> int:
    """Whole milliseconds; rounding comes before any splitting into hours, minutes and seconds."""
    return max(0, round(seconds * 1000))


def _divided(segment: Segment, language: str, max_chars: int, max_lines: int) -> Iterator[Cue]:
    text = pieces(segment.text)
    if not text:
        return
    times = _times(segment, text)
    at = 0
    for lines in divide(text, times, language, max_chars, max_lines):
        last = at + sum(len(line) for line in lines) - 1
        yield Cue(times[at][0], times[last][1], tuple(joined(line) for line in lines))
        at = last + 1


def _times(segment: Segment, text: Sequence[Piece]) -> list[tuple[int, int]]:
    """Start and end of each piece: from the words where they spell its text, else by counting."""
    spans = [("".join(word.word.split()), word.start, word.end) for word in segment.words]
    compact = "".join(piece.text for piece in text)
    if "".join(letters for letters, _, _ in spans) != compact:
        spans = [(compact, segment.start, segment.end)]
    edges = [
        _inside(start, end, at, len(letters)) for letters, start, end in spans for at in range(len(letters))
    ]
    times, at = [], 0
    for piece in text:
        stop = at + len(piece.text)
        times.append((milliseconds(edges[at][0]), milliseconds(edges[stop - 1][1])))
        at = stop
    return times


def _inside(start: float, end: float, at: int, length: int) -> tuple[float, float]:
    """When the character `at` of `length` characters is spoken."""
    step = (end - start) / length
    return start + at * step, start + (at + 1) * step


def _settled(rough: Sequence[Cue]) -> Iterator[Cue]:
    """Cues that never overlap or go backwards; short ones are held where there is room, tiny gaps closed."""
    now = 0
    for at, cue in enumerate(rough):
        start = max(now, cue.start_ms)
        following = rough[at + 1].start_ms if at + 1 < len(rough) else FOREVER_MS
        end = max(cue.end_ms, min(start + SHORTEST_MS, following))
        if start < following < end + SMALLEST_GAP_MS:
            end = following
        now = max(end, start + 1)
        yield replace(cue, start_ms=start, end_ms=now)
