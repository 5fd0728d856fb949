"""Subtitle cues (SRT, WebVTT): splits segments into cues with times and lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from whisper_appliance.transcript.line_breaking import TextUnit, break_into_cues, join_units, split_units
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


def make_cues(transcript: Transcript, *, max_line_chars: int, max_lines: int) -> list[Cue]:
    """The cues of a transcript, in order of time and without overlap."""
    language = transcript.language
    rough = [
        cue
        for segment in transcript.segments
        for cue in _split_segment(segment, language, max_line_chars, max_lines)
    ]
    return list(_without_overlap(rough))


def milliseconds(seconds: float) -> int:
    """Whole milliseconds; rounding comes before any splitting into hours, minutes and seconds."""
    return max(0, round(seconds * 1000))


def _split_segment(segment: Segment, language: str, max_chars: int, max_lines: int) -> Iterator[Cue]:
    text = split_units(segment.text)
    if not text:
        return
    times = _times(segment, text)
    at = 0
    for lines in break_into_cues(text, times, language, max_chars, max_lines):
        last = at + sum(len(line) for line in lines) - 1
        yield Cue(times[at][0], times[last][1], tuple(join_units(line) for line in lines))
        at = last + 1


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
        times.append((milliseconds(edges[at][0]), milliseconds(edges[stop - 1][1])))
        at = stop
    return times


def _inside(start: float, end: float, at: int, length: int) -> tuple[float, float]:
    """When the character `at` of `length` characters is spoken."""
    step = (end - start) / length
    return start + at * step, start + (at + 1) * step


def _without_overlap(rough: Sequence[Cue]) -> Iterator[Cue]:
    """Removes overlaps, extends short cues where there is room, and closes tiny gaps."""
    now = 0
    for at, cue in enumerate(rough):
        start = max(now, cue.start_ms)
        following = rough[at + 1].start_ms if at + 1 < len(rough) else FOREVER_MS
        end = max(cue.end_ms, min(start + SHORTEST_MS, following))
        if start < following < end + SMALLEST_GAP_MS:
            end = following
        now = max(end, start + 1)
        yield replace(cue, start_ms=start, end_ms=now)


def format_timestamp(total_ms: int, decimal_mark: str) -> str:
    """A cue time as `hh:mm:ss`, the decimal mark, and milliseconds."""
    seconds, ms = divmod(total_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal_mark}{ms:03d}"


def time_line(cue: Cue, decimal_mark: str) -> str:
    """The line with start and end of a cue, the same in SRT and WebVTT but for the decimal mark."""
    return f"{format_timestamp(cue.start_ms, decimal_mark)} --> {format_timestamp(cue.end_ms, decimal_mark)}"
