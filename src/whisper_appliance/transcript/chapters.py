"""Chapters of a long recording: they begin after its longest pauses, or where people put them."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Segment, Transcript

SHORTEST_RECORDING_SECONDS = 600.0
SHORTEST_CHAPTER_SECONDS = 120.0
USUAL_CHAPTER_SECONDS = 300.0
PAUSE_SECONDS = 3.0
TITLE_CHARS = 60
TOLERANCE_SECONDS = 0.05
"""A chapter may begin so much beside its segment, because people write times in hundredths."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter from a second of the recording on; without a title, it is named by its first words."""

    start: float
    title: str = ""


def automatic_chapters(transcript: Transcript) -> tuple[Chapter, ...]:
    """Chapters after the longest pauses that are far enough apart; none instead of only one."""
    segments, duration = transcript.segments, transcript.duration
    if duration < SHORTEST_RECORDING_SECONDS or not segments:
        return ()
    pauses = [(segment.start - last.end, segment.start) for last, segment in pairwise(segments)]
    starts = [segments[0].start]
    for pause, start in sorted(pauses, key=lambda each: -each[0]):
        if pause < PAUSE_SECONDS or len(starts) * USUAL_CHAPTER_SECONDS >= duration:
            break
        if all(abs(start - other) >= SHORTEST_CHAPTER_SECONDS for other in starts):
            starts.append(start)
    return tuple(map(Chapter, sorted(starts))) if len(starts) > 1 else ()


def chapter_place(segments: Sequence[Segment], start: float) -> int:
    """The place of the segment with which a chapter begins: the one at `start`, else the last one before."""
    at = bisect_left(segments, start - TOLERANCE_SECONDS, key=lambda each: each.start)
    is_there = at < len(segments) and segments[at].start <= start + TOLERANCE_SECONDS
    return at if is_there else max(0, at - 1)


def chapter_title(segments: Sequence[Segment], chapter: Chapter) -> str:
    """The title of a chapter, or its first words."""
    if chapter.title:
        return chapter.title
    words = ""
    for segment in segments[chapter_place(segments, chapter.start) :]:
        words += segment.text
        if len(words) > TITLE_CHARS:
            break
    text = clean(words)
    if len(text) <= TITLE_CHARS:
        return text
    cut = text[: TITLE_CHARS + 1].rsplit(" ", 1)[0] if " " in text[:TITLE_CHARS] else text[:TITLE_CHARS]
    return f"{cut}…"
