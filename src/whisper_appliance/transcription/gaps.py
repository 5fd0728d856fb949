"""Gaps: stretches with speech (by VAD) but almost no text, which are decoded again by themselves.

Whisper's decoder may skip ahead with a timestamp, or write one word for a whole sentence.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import EngineFailed
from whisper_appliance.engines.contract import MAX_WINDOW_SECONDS, WindowResult
from whisper_appliance.transcription.hallucinations import REPETITION
from whisper_appliance.transcription.merging import shift_times
from whisper_appliance.transcription.segmentation import SpeechSpan

MIN_SPOKEN_SECONDS = 3.0
MIN_BYTES_PER_SPOKEN_SECOND = 7.0  # of UTF-8: some 14 in English and Chinese, more in most languages
MIN_WORD_BYTES = 7  # because numbers are written short, and words said one by one take their time
MIN_REDECODED_LOGPROB = -0.8
MIN_LOOP_SECONDS = 1.0


def find_untranscribed_speech(result: WindowResult, span: SpeechSpan) -> Iterator[tuple[float, float]]:
    """(start, end) of each gap in seconds of the span, up to `decoded_seconds`.

    Dropped text counts as transcribed.
    """
    edges = _edges(result)
    sparse = [
        (start, stop)
        for start, stop in pairwise(edges)
        if not _is_dropped(result, start, stop)
        and _bytes_between(result, start, stop) < MIN_BYTES_PER_SPOKEN_SECOND * _spoken(span, start, stop)
    ]
    for start, stop in _merge_adjacent(sparse):
        if _spoken(span, start, stop) >= MIN_SPOKEN_SECONDS:
            yield start, stop


def fill_gaps(
    result: WindowResult, span: SpeechSpan, decode: Callable[[SpeechSpan], WindowResult]
) -> WindowResult:
    """The result with each gap decoded again, where that gives clearly more text."""
    for start, stop in find_untranscribed_speech(result, span):
        parts = math.ceil((stop - start) / MAX_WINDOW_SECONDS)
        edges = [round((start + (stop - start) * part / parts) * SAMPLE_RATE) for part in range(parts + 1)]
        for first, last in pairwise(edges):
            with suppress(EngineFailed):  # the first result stands
                redecoded = decode(replace(span, start=span.start + first, stop=span.start + last))
                result = _with_more_text(result, first / SAMPLE_RATE, last / SAMPLE_RATE, redecoded)
    return result


def looped_stretches(result: WindowResult) -> list[tuple[float, float]]:
    """(start, end) of each stretch whose text was dropped as a loop, at least `MIN_LOOP_SECONDS` long."""
    return [
        (dropped.start, dropped.end)
        for dropped in result.dropped
        if dropped.reason == REPETITION and dropped.end - dropped.start >= MIN_LOOP_SECONDS
    ]


def redecode_loops(
    result: WindowResult, span: SpeechSpan, decode: Callable[[SpeechSpan], WindowResult]
) -> WindowResult:
    """The result with the text of each looped stretch, decoded by itself, if that is no loop again."""
    for start, stop in _merge_adjacent(sorted(looped_stretches(result))):
        stop = min(stop, result.decoded_seconds, start + MAX_WINDOW_SECONDS)
        if _spoken(span, start, stop) < MIN_LOOP_SECONDS:
            continue
        part = replace(
            span, start=span.start + round(start * SAMPLE_RATE), stop=span.start + round(stop * SAMPLE_RATE)
        )
        with suppress(EngineFailed):
            again = decode(part)
            if not looped_stretches(again) and again.avg_logprob >= MIN_REDECODED_LOGPROB:
                inside = [s for s in result.segments if start <= (s.start + s.end) / 2 <= stop]
                kept = [s for s in result.segments if s not in inside]
                segments = sorted([*kept, *shift_times(again, start).segments], key=lambda s: s.start)
                result = replace(result, segments=tuple(segments))
    return result


def _with_more_text(result: WindowResult, start: float, stop: float, redecoded: WindowResult) -> WindowResult:
    inside = [s for s in result.segments if start <= (s.start + s.end) / 2 <= stop]
    more = (
        _text_bytes("".join(s.text for s in redecoded.segments))
        > 2 * sum(_text_bytes(s.text) for s in inside) + 1
    )
    if not more or redecoded.avg_logprob < MIN_REDECODED_LOGPROB:
        return result
    outside = [s for s in result.segments if s not in inside]
    later = shift_times(redecoded, start)
    segments = sorted([*outside, *later.segments], key=lambda segment: segment.start)
    return replace(result, segments=tuple(segments), dropped=(*result.dropped, *later.dropped))


def _edges(result: WindowResult) -> list[float]:
    """All times at which a segment or a dropped text starts or ends."""
    times = [(s.start, s.end) for s in result.segments] + [(d.start, d.end) for d in result.dropped]
    end = result.decoded_seconds
    return sorted({0.0, end, *(min(time, end) for pair in times for time in pair)})


def _is_dropped(result: WindowResult, start: float, stop: float) -> bool:
    return any(dropped.start <= start and stop <= dropped.end for dropped in result.dropped)


def _bytes_between(result: WindowResult, start: float, stop: float) -> float:
    """Bytes of text between two times; of longer segments, their share."""
    return sum(
        _text_bytes(s.text) * (stop - start) / (s.end - s.start)
        for s in result.segments
        if s.start <= start and stop <= s.end
    )


def _spoken(span: SpeechSpan, start: float, stop: float) -> float:
    offset = span.start / SAMPLE_RATE
    return span.spoken_seconds(offset + start, offset + stop)


def _merge_adjacent(stretches: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Adjacent stretches merged into one."""
    open_stretch: tuple[float, float] | None = None
    for start, stop in stretches:
        if open_stretch and open_stretch[1] == start:
            open_stretch = (open_stretch[0], stop)
            continue
        if open_stretch:
            yield open_stretch
        open_stretch = (start, stop)
    if open_stretch:
        yield open_stretch


def _text_bytes(text: str) -> int:
    """UTF-8 bytes of words, `MIN_WORD_BYTES` at least: they measure content better than characters do."""
    words = ("".join(filter(str.isalnum, word)) for word in text.split())
    return sum(max(MIN_WORD_BYTES, len(word.encode())) for word in words if word)
