"""A translation line by line: what of it stands beside each segment of the original, by their times."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Segment, Transcript

TEXT_TASK = "translate_text"
"""The task of a translation of lines, which has the language that it is in; Whisper's task is `translate`."""


def language_of(translation: Transcript) -> str:
    """Code of the language that a translation is in; Whisper writes English, whatever is spoken."""
    return translation.language if translation.task == TEXT_TASK else "en"


def language_written(transcript: Transcript) -> str:
    """Code of the language of most words of a transcript; empty if it is not known."""
    if transcript.task == "translate":
        return "en"
    return next(iter(transcript.languages), "")


def lines_beside(segments: Sequence[Segment], translated: Sequence[Segment]) -> tuple[str, ...]:
    """One line for each segment, empty where the translation has nothing.

    A translated segment stands whole beside the segment with which it shares the most time, in its own
    channel where there is one; if it shares none, beside the last one that has begun. `segments` are in the
    order of their starts. The page does the same (`static/js/transcript/beside.js`).
    """
    if not segments:
        return ()
    starts = [each.start for each in segments]
    longest = max(each.end - each.start for each in segments)
    lines: list[list[str]] = [[] for _ in segments]
    for each in sorted(translated, key=lambda one: one.start):
        if text := clean(each.text):
            near = range(bisect_left(starts, each.start - longest), bisect_left(starts, each.end))
            begun = max(0, bisect_right(starts, each.start) - 1)
            lines[_place(segments, each, near, begun)].append(text)
    return tuple(" ".join(line) for line in lines)


def _place(segments: Sequence[Segment], translated: Segment, near: Iterable[int], begun: int) -> int:
    """The place of the segment beside which it stands, of those `near` it; else the one that has begun."""

    def shared(place: int) -> tuple[bool, float, int]:
        segment = segments[place]
        seconds = min(segment.end, translated.end) - max(segment.start, translated.start)
        return segment.channel == translated.channel, seconds, -place

    return max((place for place in near if shared(place)[1] > 0), key=shared, default=begun)
