"""Word timestamps from an alignment of tokens with the audio, as in openai/whisper, `timing.py`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from whisper_appliance.engines.whisper.tokenizer import WhisperTokenizer
from whisper_appliance.transcript.model import Segment, Word

PREPENDED_PUNCTUATION = "\"'“¿([{-"
APPENDED_PUNCTUATION = "\"'.。,，!！?？:：”)]}、"
SENTENCE_ENDS = ".。!！?？"
POSITIONS_PER_SECOND = 50
LONGEST_MEDIAN_SECONDS = 0.7


@dataclass(frozen=True, slots=True)
class Alignment:
    """Pairs of (token index, encoder position) along the path, and the probability of each token."""

    alignments: list[tuple[int, int]]
    text_token_probs: list[float]


@dataclass(slots=True)
class _TimedWord:
    text: str
    tokens: int
    start: float
    end: float
    probability: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def words_of_segments(
    segments: Sequence[Segment], tokenizer: WhisperTokenizer, alignment: Alignment
) -> list[Segment]:
    """The segments with `words`; start and end follow the first and last word.

    `alignment` is that of the text tokens of all segments, in order.
    """
    texts = [[token for token in segment.tokens if token < tokenizer.eot] for segment in segments]
    words = _timed_words([token for text in texts for token in text], tokenizer, alignment)
    durations = np.array([word.seconds for word in words])
    durations = durations[durations.nonzero()]
    median = min(LONGEST_MEDIAN_SECONDS, float(np.median(durations))) if len(durations) else 0.0
    if len(durations):
        _shorten_at_sentence_ends(words, 2 * median)
    _merge_punctuation(words)
    timed: list[Segment] = []
    last_speech, at = 0.0, 0
    for segment, text in zip(segments, texts, strict=True):
        own: list[_TimedWord] = []
        taken = 0
        while at < len(words) and taken < len(text):
            word = words[at]
            if word.text:
                own.append(replace(word, start=round(word.start, 2), end=round(word.end, 2)))
            taken += word.tokens
            at += 1
        timed.append(_with_words(segment, own, last_speech, median))
        last_speech = timed[-1].end if own else last_speech
    return timed


def _timed_words(text: list[int], tokenizer: WhisperTokenizer, alignment: Alignment) -> list[_TimedWord]:
    words = tokenizer.split_to_words([*text, tokenizer.eot])
    if len(words) <= 1:
        return []
    bounds = [0, *np.cumsum([len(tokens) for _, tokens in words[:-1]]).tolist()]
    rows, positions = np.array(alignment.alignments).T
    starts_of_tokens = np.pad(np.diff(rows), (1, 0), constant_values=1).astype(bool)
    times = positions[starts_of_tokens] / POSITIONS_PER_SECOND
    return [
        _TimedWord(
            word,
            len(tokens),
            float(times[first]),
            float(times[last]),
            float(np.mean(alignment.text_token_probs[first:last])),
        )
        for (word, tokens), first, last in zip(words[:-1], bounds[:-1], bounds[1:], strict=True)
    ]


def _shorten_at_sentence_ends(words: list[_TimedWord], max_seconds: float) -> None:
    """A word beside the end of a sentence takes in the pause there; no word is longer than this."""
    for before, word in pairwise(words):
        if word.seconds > max_seconds:
            if word.text in SENTENCE_ENDS:
                word.end = word.start + max_seconds
            elif before.text in SENTENCE_ENDS:
                word.start = word.end - max_seconds


def _merge_punctuation(words: list[_TimedWord]) -> None:
    """Joins punctuation to the word behind or before it; what was joined is left with an empty text."""
    following = len(words) - 1
    for at in range(len(words) - 2, -1, -1):
        text = words[at].text
        if text.startswith(" ") and text.strip() in PREPENDED_PUNCTUATION:
            _join(words[at], words[following], into=words[following])
        else:
            following = at
    before = 0
    for at in range(1, len(words)):
        if not words[before].text.endswith(" ") and words[at].text in APPENDED_PUNCTUATION:
            _join(words[before], words[at], into=words[before])
        else:
            before = at


def _join(first: _TimedWord, second: _TimedWord, into: _TimedWord) -> None:
    text, tokens = first.text + second.text, first.tokens + second.tokens
    for word in (first, second):
        word.text, word.tokens = "", 0
    into.text, into.tokens = text, tokens


def _with_words(segment: Segment, words: list[_TimedWord], last_speech: float, median: float) -> Segment:
    """Shortens words at the segment's edges that take in a pause; then the segment follows its words."""
    if not words:
        return segment
    first, last = words[0], words[-1]
    if first.end - last_speech > median * 4:
        _shorten_after_a_pause(words, 2 * median)
    start, end = segment.start, segment.end
    if start < first.end and start - 0.5 > first.start:
        first.start = max(0, min(first.end - median, start))
    else:
        start = first.start
    if end > last.start and end + 0.5 < last.end:
        last.end = max(last.start + median, end)
    else:
        end = last.end
    return replace(
        segment,
        start=start,
        end=end,
        words=tuple(Word(word.start, word.end, word.text, word.probability) for word in words),
    )


def _shorten_after_a_pause(words: list[_TimedWord], max_seconds: float) -> None:
    first, second = words[0], words[1] if len(words) > 1 else None
    if first.seconds <= max_seconds and (not second or second.end - first.start <= max_seconds * 2):
        return
    if second and second.seconds > max_seconds:
        first.end = second.start = max(second.end / 2, second.end - max_seconds)
    first.start = max(0, first.end - max_seconds)
