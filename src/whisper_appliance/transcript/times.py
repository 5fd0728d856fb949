"""Valid times: segments, words and cues in order, without overlap, none too short, none past the end.

Engines round times, place words in the padding behind the audio, and repeat sentences at one instant. What
leaves this package (JSON, words, subtitles) goes through here. All arithmetic is in whole milliseconds,
because the JSON has three decimals.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import TypeVar

from whisper_appliance.transcript.model import Dropped, Segment, Transcript, Word

SHORTEST_SEGMENT_MS = 40
"""A frame of film (1/25 s): players do not show a shorter cue."""
SHORTEST_WORD_MS = 10
NO_END_MS = 1 << 52
REPLACEMENT = "\ufffd"
"""Decoders write it for a character whose other tokens are missing."""

Span = tuple[int, int]
T = TypeVar("T")
Timed = TypeVar("Timed", Segment, Word)


def with_valid_times(transcript: Transcript) -> Transcript:
    """The transcript with segments and words whose times hold; the same object if they hold already."""
    segments = valid_segments(transcript.segments, 0.0, transcript.duration)
    dropped = valid_dropped(transcript.dropped, 0.0, transcript.duration)
    if segments == transcript.segments and dropped == transcript.dropped:
        return transcript
    return replace(transcript, segments=segments, dropped=dropped)


def valid_dropped(dropped: Iterable[Dropped], start: float, stop: float) -> tuple[Dropped, ...]:
    """The dropped texts with times between `start` and `stop` seconds, each with a length.

    They may overlap, because several readings of one passage may be dropped. Empty ones are left out.
    """
    low, high = math.ceil(round(start * 1000, 3)), math.floor(round(stop * 1000, 3))
    shortest = min(SHORTEST_SEGMENT_MS, high - low)
    if shortest <= 0:
        return ()
    placed = []
    for one in dropped:
        first = min(max(to_ms(one.start), low), high - shortest)
        last = min(max(to_ms(one.end), first + shortest), high)
        if one.text.strip():
            placed.append(replace(one, start=_seconds(one.start, first), end=_seconds(one.end, last)))
    return tuple(placed)


def valid_segments(segments: Iterable[Segment], start: float, stop: float) -> tuple[Segment, ...]:
    """The segments with times between `start` and `stop` seconds; empty ones are left out.

    Times stay as they are where they hold. Where there is no room for all segments, some are joined.
    """
    clean = [kept for segment in segments if (kept := _without_replacements(segment)).text.strip()]
    low, high = math.ceil(round(start * 1000, 3)), math.floor(round(stop * 1000, 3))
    shortest = min(SHORTEST_SEGMENT_MS, max(high - low, 0))
    if not clean or not shortest:
        return ()
    clean = joined_to_fit(clean, (high - low) // shortest, _joined)
    spans = fit([(to_ms(s.start), to_ms(s.end)) for s in clean], low, high, shortest)
    return tuple(_placed(segment, span) for segment, span in zip(clean, spans, strict=True))


def fit(spans: Sequence[Span], low: int, high: int, shortest: int) -> list[Span]:
    """The spans (ms) moved as little as needed: in order, apart, at least `shortest`, from `low` to `high`.

    `high - low` must have room for all of them.
    """
    placed: list[Span] = []
    starts: list[int] = []
    for at, (start, _) in enumerate(spans):
        earliest = starts[-1] + shortest if starts else low
        starts.append(min(max(start, earliest), high - (len(spans) - at) * shortest))
    limits = [*starts[1:], high][: len(starts)]
    for start, following, (_, end) in zip(starts, limits, spans, strict=True):
        placed.append((start, min(max(end, start + shortest), following)))
    return placed


def joined_to_fit(items: list[T], room: int, join: Callable[[T, T], T]) -> list[T]:
    """At most `room` items: neighbours are joined evenly where there are more."""
    if len(items) <= max(room, 1):
        return items
    fitted: list[T] = []
    for _, group in groupby(range(len(items)), lambda at: at * max(room, 1) // len(items)):
        first, *others = (items[at] for at in group)
        for other in others:
            first = join(first, other)
        fitted.append(first)
    return fitted


def to_ms(seconds: float) -> int:
    """Whole milliseconds, never negative; infinite times become the largest."""
    return round(min(max(seconds, 0.0) * 1000, NO_END_MS))


def _without_replacements(segment: Segment) -> Segment:
    if REPLACEMENT not in segment.text and not any(REPLACEMENT in each.word for each in segment.words):
        return segment
    words = tuple(replace(w, word=w.word.replace(REPLACEMENT, "")) for w in segment.words)
    return replace(segment, text=segment.text.replace(REPLACEMENT, ""), words=words)


def _placed(segment: Segment, span: Span) -> Segment:
    start, end = span
    if _holds(segment, span):
        return segment
    words = [word for word in segment.words if word.word]
    if words and "".join(word.word for word in words) != segment.text:
        words = _words_in_proportion(segment)
    shortest = min(SHORTEST_WORD_MS, end - start)
    words = joined_to_fit(words, (end - start) // shortest, _joined_words)
    spans = fit([(to_ms(w.start), to_ms(w.end)) for w in words], start, end, shortest)
    placed = tuple(map(_moved, words, spans))
    moved = _moved(segment, span)
    return moved if placed == segment.words else replace(moved, words=placed)


def _holds(segment: Segment, span: Span) -> bool:
    """Whether nothing of the segment has to change: the usual case, found four times as fast as by `fit`."""
    start, end = span
    if (segment.start, segment.end) != (start / 1000, end / 1000):
        return False
    shortest, last = min(SHORTEST_WORD_MS, end - start) / 1000 - 0.0005, segment.start
    for word in segment.words:
        if not (word.word and last <= word.start and word.end - word.start > shortest):
            return False
        if round(word.start, 3) != word.start or round(word.end, 3) != word.end:
            return False
        last = word.end
    text = "".join(word.word for word in segment.words)
    return last <= segment.end and (not segment.words or text == segment.text)


def _moved(item: Timed, span: Span) -> Timed:
    """The item at another time; itself if that is the same, because most times hold already."""
    start, end = _seconds(item.start, span[0]), _seconds(item.end, span[1])
    return item if (start, end) == (item.start, item.end) else replace(item, start=start, end=end)


def _seconds(before: float, ms: int) -> float:
    """The time in seconds: unchanged if it is the same to the millisecond."""
    return before if before == ms / 1000 else ms / 1000


def _words_in_proportion(segment: Segment) -> list[Word]:
    """The words of the text with times in proportion to their letters, because the timed ones differ."""
    probability = sum(word.probability for word in segment.words) / len(segment.words)
    text = segment.text
    edges = [0, *(at for at in range(1, len(text)) if text[at].isspace() and text[:at].strip()), len(text)]
    edges = [
        at for at, following in zip(edges, [*edges[1:], None], strict=True)
        if following is None or text[at:following].strip()
    ]  # fmt: skip
    step = (segment.end - segment.start) / len(text)
    return [
        Word(segment.start + a * step, segment.start + b * step, text[a:b], probability)
        for a, b in pairwise(edges)
    ]


def _joined(first: Segment, second: Segment) -> Segment:
    return replace(
        first, end=second.end, text=first.text + second.text,
        tokens=first.tokens + second.tokens, words=first.words + second.words,
    )  # fmt: skip


def _joined_words(first: Word, second: Word) -> Word:
    return replace(first, end=second.end, word=first.word + second.word)
