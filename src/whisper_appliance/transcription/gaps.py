"""What Whisper passed over: stretches in which somebody speaks and hardly a word was written.

Its decoder may jump ahead with a timestamp, or put one word where a sentence was said.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import EngineFailed
from whisper_appliance.engines.contract import MAX_WINDOW_SECONDS, WindowResult
from whisper_appliance.transcription.merging import shift_times
from whisper_appliance.transcription.segmentation import SpeechSpan

MIN_SPOKEN_SECONDS = 3.0
MIN_BYTES_PER_SPOKEN_SECOND = 7.0  # of UTF-8: some 14 in English and Chinese, more in most languages
MIN_REDECODED_LOGPROB = -0.8


def find_untranscribed_speech(result: WindowResult, span: SpeechSpan) -> Iterator[tuple[float, float]]:
    """(start, end) of each such stretch in seconds of the span, as far as it was heard.

    What was dropped counts as heard.
    """
    edges = _edges(result)
    sparse = [
        (start, stop)
        for start, stop in pairwise(edges)
        if not _is_dropped(result, start, stop)
        and _written_between(result, start, stop) < MIN_BYTES_PER_SPOKEN_SECOND * _spoken(span, start, stop)
    ]
    for start, stop in _connected(sparse):
        if _spoken(span, start, stop) >= MIN_SPOKEN_SECONDS:
            yield start, stop


def fill_gaps(result: WindowResult, span: SpeechSpan, hear: Callable[[SpeechSpan], WindowResult]) -> WindowResult:
    """The result with what is heard in its omissions by themselves, where that says more."""
    for start, stop in find_untranscribed_speech(result, span):
        parts = math.ceil((stop - start) / MAX_WINDOW_SECONDS)
        edges = [round((start + (stop - start) * part / parts) * SAMPLE_RATE) for part in range(parts + 1)]
        for first, last in pairwise(edges):
            with suppress(EngineFailed):  # what was heard before stands
                again = hear(replace(span, start=span.start + first, stop=span.start + last))
                result = _fuller(result, first / SAMPLE_RATE, last / SAMPLE_RATE, again)
    return result


def _fuller(result: WindowResult, start: float, stop: float, again: WindowResult) -> WindowResult:
    inside = [s for s in result.segments if start <= (s.start + s.end) / 2 <= stop]
    more = _written("".join(s.text for s in again.segments)) > 2 * sum(_written(s.text) for s in inside) + 1
    if not more or again.avg_logprob < MIN_REDECODED_LOGPROB:
        return result
    outside = [s for s in result.segments if s not in inside]
    later = shift_times(again, start)
    segments = sorted([*outside, *later.segments], key=lambda segment: segment.start)
    return replace(result, segments=tuple(segments), dropped=(*result.dropped, *later.dropped))


def _edges(result: WindowResult) -> list[float]:
    """All times at which something begins or ends."""
    times = [(s.start, s.end) for s in result.segments] + [(d.start, d.end) for d in result.dropped]
    end = result.decoded_seconds
    return sorted({0.0, end, *(min(time, end) for pair in times for time in pair)})


def _is_dropped(result: WindowResult, start: float, stop: float) -> bool:
    return any(dropped.start <= start and stop <= dropped.end for dropped in result.dropped)


def _written_between(result: WindowResult, start: float, stop: float) -> float:
    """Of segments that last longer, their share."""
    return sum(
        _written(s.text) * (stop - start) / (s.end - s.start)
        for s in result.segments
        if s.start <= start and stop <= s.end
    )


def _spoken(span: SpeechSpan, start: float, stop: float) -> float:
    offset = span.start / SAMPLE_RATE
    return span.spoken_seconds(offset + start, offset + stop)


def _connected(stretches: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Those that follow upon each other as one."""
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


def _written(text: str) -> int:
    """The bytes of letters and digits: where a character says more, it has more of them."""
    return len("".join(filter(str.isalnum, text)).encode())
