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
from whisper_appliance.engines.vad import FRAME, FRAME_SECONDS, SPEECH_AT
from whisper_appliance.engines.whisper.repetition import repeats_itself
from whisper_appliance.transcription.hallucinations import REPETITION
from whisper_appliance.transcription.merging import merge_results, shift_times
from whisper_appliance.transcription.segmentation import SpeechSpan

Decode = Callable[[SpeechSpan], WindowResult]
"""Decodes a part of a span."""

MIN_SPOKEN_SECONDS = 3.0
MIN_UNWRITTEN_SECONDS, MIN_UTTERANCE_SECONDS = 1.0, 0.3
"""Of speech between two texts, whose times are up to a second wrong, and of an utterance apart from them."""
PAUSE_SECONDS = 0.2
"""Between utterances."""
MIN_UNWRITTEN_SHARE = 0.75
MIN_BYTES_PER_SPOKEN_SECOND = 7.0  # of UTF-8: some 14 in English and Chinese, more in most languages
MIN_BYTES_OF_REPETITION = 11.0  # some copies may lack
MIN_WORD_BYTES = 7  # because numbers are written short, and words said one by one take their time
MIN_REDECODED_LOGPROB = -0.8
MIN_LOOP_SECONDS = 1.0
SHORTEST_PIECE_SECONDS, LONGEST_PIECE_SECONDS = 1.5, 4.0
"""Of pieces of a stretch that is decoded in pieces: long enough for words, too short for many copies."""
MIN_MORE_TEXT = 1.4


def find_untranscribed_speech(
    result: WindowResult, span: SpeechSpan, bytes_per_second: float = MIN_BYTES_PER_SPOKEN_SECOND
) -> Iterator[tuple[float, float]]:
    """(start, end) of each gap in seconds of the span, up to `decoded_seconds`.

    A gap has less than `bytes_per_second` of text while somebody speaks. Dropped text counts as transcribed.
    """
    edges = _edges(result)
    sparse = [
        (start, stop)
        for start, stop in pairwise(edges)
        if not _is_dropped(result, start, stop)
        and _bytes_between(result, start, stop) < bytes_per_second * _spoken(span, start, stop)
    ]
    for start, stop in _merge_adjacent(sparse):
        if _spoken(span, start, stop) >= MIN_SPOKEN_SECONDS:
            yield start, stop


def find_speech_without_text(
    result: WindowResult, span: SpeechSpan, stop: float
) -> list[tuple[float, float]]:
    """(start, end) in seconds of the span, up to `stop`, of each gap, and of speech that no text covers."""
    found = sorted([*find_untranscribed_speech(result, span), *_unwritten(result, span, stop)])
    apart: list[tuple[float, float]] = []
    for start, end in found:
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def _unwritten(result: WindowResult, span: SpeechSpan, stop: float) -> list[tuple[float, float]]:
    """Stretches between texts with enough speech, or the utterances that lie nearly whole in them.

    Texts that were dropped count. Most texts end or begin at another time than the speech, by less than that.
    """
    texts = [(text.start, text.end) for text in result.segments]
    texts = sorted([*texts, *((text.start, text.end) for text in result.dropped)])
    found, reached = [], 0.0
    utterances = list(_utterances(span))
    for start, end in [*texts, (stop, stop)]:
        inside = [
            (max(first, reached), min(last, start), last - first)
            for first, last in utterances
            if first < start and last > reached
        ]
        if inside and _spoken(span, reached, start) >= MIN_UNWRITTEN_SECONDS:
            found.append((inside[0][0], inside[-1][1]))
        else:
            whole = MIN_UNWRITTEN_SHARE
            found += [(first, last) for first, last, seconds in inside if last - first >= whole * seconds]
        reached = max(reached, end)
    return found


def _utterances(span: SpeechSpan) -> Iterator[tuple[float, float]]:
    """(start, end) in seconds of the span of each utterance between pauses that has enough speech."""
    offset = span.first_frame * FRAME_SECONDS - span.start / SAMPLE_RATE
    frames = [at for at, probability in enumerate(span.probabilities) if probability >= SPEECH_AT]
    first = 0
    for at, (frame, following) in enumerate(pairwise([*frames, len(span.probabilities) + SAMPLE_RATE]), 1):
        if (following - frame - 1) * FRAME_SECONDS > PAUSE_SECONDS:
            if (at - first) * FRAME_SECONDS >= MIN_UTTERANCE_SECONDS:
                yield offset + frames[first] * FRAME_SECONDS, offset + (frame + 1) * FRAME_SECONDS
            first = at


def fill_gaps(result: WindowResult, span: SpeechSpan, decode: Decode) -> WindowResult:
    """The result with each gap decoded again, whole and then in pieces, where that gives clearly more text.

    In pieces, because of a sentence that is said again and again Whisper may write one copy.
    """
    least = MIN_BYTES_OF_REPETITION if repeats_itself(result.text) else MIN_BYTES_PER_SPOKEN_SECOND
    for start, stop in list(find_untranscribed_speech(result, span, least)):
        parts = math.ceil((stop - start) / MAX_WINDOW_SECONDS)
        edges = [round((start + (stop - start) * part / parts) * SAMPLE_RATE) for part in range(parts + 1)]
        for first, last in pairwise(edges):
            gap = replace(span, start=span.start + first, stop=span.start + last)
            with suppress(EngineFailed):  # the first result stands
                filled = _with_more_text(result, span, gap, decode(gap), 2.0)
                if filled is result:
                    filled = _with_more_text(result, span, gap, decode_pieces(gap, decode), MIN_MORE_TEXT)
                result = filled
    return result


def decode_pieces(part: SpeechSpan, decode: Decode) -> WindowResult:
    """The result of a part, cut at its pauses and decoded piece by piece."""
    pieces = [(piece, decode(piece)) for piece in cut_into_pieces(part)]
    longest = max(pieces, key=lambda piece: piece[0].stop - piece[0].start)[1]
    return merge_results(part, pieces, longest)


def cut_into_pieces(part: SpeechSpan) -> list[SpeechSpan]:
    """The part cut where the voice is the least probable, at most `LONGEST_PIECE_SECONDS` apart."""
    edges = [part.start]
    while part.stop - edges[-1] > LONGEST_PIECE_SECONDS * SAMPLE_RATE:
        least, most = (
            round((edges[-1] + seconds * SAMPLE_RATE) / FRAME) - part.first_frame
            for seconds in (SHORTEST_PIECE_SECONDS, LONGEST_PIECE_SECONDS)
        )
        last = round(part.stop / FRAME) - part.first_frame - round(SHORTEST_PIECE_SECONDS / FRAME_SECONDS)
        frames = range(least, min(most, last) + 1)
        quietest = min(frames, key=lambda frame: _voice_around(part, frame))
        edges.append((part.first_frame + quietest) * FRAME + FRAME // 2)
    return [replace(part, start=start, stop=stop) for start, stop in pairwise([*edges, part.stop])]


def _voice_around(part: SpeechSpan, frame: int) -> float:
    return sum(part.probabilities[max(frame - 1, 0) : frame + 2])


def looped_stretches(result: WindowResult) -> list[tuple[float, float]]:
    """(start, end) of each stretch whose text was dropped as a loop, at least `MIN_LOOP_SECONDS` long."""
    return [
        (dropped.start, dropped.end)
        for dropped in result.dropped
        if dropped.reason == REPETITION and dropped.end - dropped.start >= MIN_LOOP_SECONDS
    ]


def redecode_loops(result: WindowResult, span: SpeechSpan, decode: Decode) -> WindowResult:
    """The result with the text of each looped stretch, decoded by itself in pieces.

    A loop ends with its window, so what a piece has was said there, a sentence that is said again included.
    """
    for start, stop in _merge_adjacent(sorted(looped_stretches(result))):
        stop = min(stop, result.decoded_seconds, start + MAX_WINDOW_SECONDS)
        if _spoken(span, start, stop) < MIN_LOOP_SECONDS:
            continue
        part = replace(
            span, start=span.start + round(start * SAMPLE_RATE), stop=span.start + round(stop * SAMPLE_RATE)
        )
        with suppress(EngineFailed):
            again = decode_pieces(part, decode)
            if again.segments and again.avg_logprob >= MIN_REDECODED_LOGPROB:
                inside = [s for s in result.segments if start <= (s.start + s.end) / 2 <= stop]
                kept = [s for s in result.segments if s not in inside]
                segments = sorted([*kept, *shift_times(again, start).segments], key=lambda s: s.start)
                dropped = tuple(one for one in result.dropped if not start <= one.start <= one.end <= stop)
                result = replace(result, segments=tuple(segments), dropped=dropped)
    return result


def _with_more_text(
    result: WindowResult, span: SpeechSpan, gap: SpeechSpan, redecoded: WindowResult, times: float
) -> WindowResult:
    """The result with the text of a gap that was decoded again, if it has so many times more of it."""
    start, stop = ((sample - span.start) / SAMPLE_RATE for sample in (gap.start, gap.stop))
    inside = [s for s in result.segments if start <= (s.start + s.end) / 2 <= stop]
    more = (
        _text_bytes("".join(s.text for s in redecoded.segments))
        > times * sum(_text_bytes(s.text) for s in inside) + 1
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
