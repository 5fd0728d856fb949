"""Times of words in edited text: kept for words that stayed, interpolated for those that changed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from whisper_appliance.transcript.model import Segment, Word

WITHOUT_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: each character is compared by itself."""
TOKEN = re.compile(rf"\s*(?:[{WITHOUT_SPACES}]|[^\s{WITHOUT_SPACES}]+)")
MAX_COMPARED = 250_000
"""Tokens before times tokens after. A larger change is interpolated as a whole, to save time."""
CERTAIN = 1.0
"""The probability of a word that a person wrote."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    first: int
    last: int
    """Its characters in the text: `text[first:last]`."""


def spaced(text: str) -> str:
    """The text with the leading space by which segments are joined; none before Chinese, Japanese, Thai."""
    text = text.strip()
    return text if not text or re.match(f"[{WITHOUT_SPACES}]", text) else f" {text}"


def retimed(segment: Segment, text: str) -> Segment:
    """The segment with another text. Words that stayed keep their times; the others are interpolated.

    A segment without words gets none. `text` is one line.
    """
    text = spaced(text)
    words = tuple(_retimed_words(_spaced_words(segment), text)) if segment.words else ()
    return replace(segment, text=text, words=words, tokens=())


def timed_words(segment: Segment) -> tuple[Word, ...]:
    """The words of a segment; where it has none, the span is divided by the number of characters."""
    return segment.words or tuple(_divided(_tokens(segment.text), segment.start, segment.end))


def is_written(word: Word) -> bool:
    """Whether a person wrote a word, so that its time is not known from the audio."""
    return word.probability >= CERTAIN


def with_aligned(segment: Segment, aligned: Sequence[Word]) -> tuple[Word, ...]:
    """The words of a segment; those that a person wrote have the times of `aligned`, all others keep theirs.

    `aligned` are words of the same text, divided in any way; if they are not, nothing changes.
    """
    if "".join(word.word for word in aligned) != "".join(word.word for word in segment.words):
        return segment.words
    kept_starts = [segment.end if is_written(word) else word.start for word in segment.words]
    latest = [min(kept_starts[place + 1 :], default=segment.end) for place in range(len(kept_starts))]
    timed: list[Word] = []
    first, free_from = 0, segment.start
    for word, until in zip(segment.words, latest, strict=True):
        last = first + len(word.word)
        if is_written(word):
            found = cut(aligned, first, last)
            start = max(free_from, min(found[0].start, until))
            word = replace(word, start=start, end=max(start, min(found[-1].end, until)))
        timed.append(word)
        first, free_from = last, word.end
    return tuple(timed)


def cut(words: Sequence[Word], first: int, last: int) -> tuple[Word, ...]:
    """The words in `text[first:last]`; a word on the edge is cut in proportion to its characters."""
    found: list[Word] = []
    begin = 0
    for word in words:
        end = begin + len(word.word)
        low, high = max(begin, first), min(end, last)
        if low < high:
            part = word.word[low - begin : high - begin]
            whole = high - low == len(word.word)
            found.append(word if whole else _part(word, low - begin, high - begin, part))
        begin = end
    return tuple(found)


def _part(word: Word, low: int, high: int, text: str) -> Word:
    seconds = (word.end - word.start) / len(word.word)
    return replace(word, start=word.start + low * seconds, end=word.start + high * seconds, word=text)


def _spaced_words(segment: Segment) -> tuple[Word, ...]:
    first = replace(segment.words[0], word=spaced(segment.words[0].word) or segment.words[0].word)
    return (first, *segment.words[1:])


def _tokens(text: str) -> list[_Token]:
    return [_Token(found.group(), *found.span()) for found in TOKEN.finditer(text)]


def _retimed_words(words: tuple[Word, ...], text: str) -> Iterator[Word]:
    old, new = _tokens("".join(word.word for word in words)), _tokens(text)
    for kind, i, j, k, end in word_steps([token.text for token in old], [token.text for token in new]):
        before, after = old[i:j], new[k:end]
        if kind == "equal":
            yield from cut(words, before[0].first, before[-1].last)
        elif len(before) == len(after):
            for was, token in zip(before, after, strict=True):
                replaced = cut(words, was.first, was.last)
                yield Word(replaced[0].start, replaced[-1].end, token.text, CERTAIN)
        elif before and after:
            replaced = cut(words, before[0].first, before[-1].last)
            yield from _divided(after, replaced[0].start, replaced[-1].end)
        elif after:
            yield from _divided(after, *_gap(words, old[i].first if i < len(old) else old[-1].last))


def _gap(words: tuple[Word, ...], at: int) -> tuple[float, float]:
    """The time between the words before and after a character of the text."""
    earlier, later = cut(words, 0, at), cut(words, at, 1 << 30)
    start = earlier[-1].end if earlier else words[0].start
    return start, max(start, later[0].start if later else words[-1].end)


def _divided(tokens: Sequence[_Token], start: float, end: float) -> Iterator[Word]:
    count = sum(len(token.text) for token in tokens)
    done = 0
    for token in tokens:
        first = start + (end - start) * done / count
        done += len(token.text)
        yield Word(first, start + (end - start) * done / count, token.text, CERTAIN)


def word_steps(before: list[str], after: list[str]) -> list[tuple[str, int, int, int, int]]:
    """The steps from one text to the other, as `SequenceMatcher.get_opcodes` returns them."""
    if len(before) * len(after) <= MAX_COMPARED:
        return [*SequenceMatcher(None, before, after, autojunk=False).get_opcodes()]
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
    i, j = len(before) - tail, len(after) - tail
    steps = [
        ("equal", 0, head, 0, head),
        ("replace", head, i, head, j),
        ("equal", i, len(before), j, len(after)),
    ]
    return [step for step in steps if step[1] < step[2] or step[3] < step[4]]
