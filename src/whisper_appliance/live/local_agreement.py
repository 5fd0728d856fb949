"""LocalAgreement: commits the words of a hypothesis on which two decodes in a row agree.

LocalAgreement-2 (Liu et al., "Low-Latency Sequence-to-Sequence Speech Recognition and Translation by Partial
Hypothesis Selection", Interspeech 2020). Each decode covers the whole buffer, so it begins with words that
are committed already; their number is found by edit distance over words, with a cost for times that differ.
No clock and no I/O.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from whisper_appliance.transcript.model import Word

SECOND_APART_COSTS = 0.3
_PUNCTUATED = re.compile(r"[^\w\s'’]+\s*$")


class LocalAgreement:
    """The words of one session: committed words, which never change, and the tentative words behind them."""

    def __init__(self, committed: Iterable[Word] = ()) -> None:
        """`committed` are the words that an earlier run committed."""
        self._committed = list(committed)
        self._count_in_buffer = 0
        self._tentative: tuple[Word, ...] = ()

    @property
    def committed(self) -> Sequence[Word]:
        """Committed words; the list only grows at its end."""
        return self._committed

    @property
    def tentative(self) -> tuple[Word, ...]:
        """The words of the last hypothesis behind the committed words."""
        return self._tentative

    @property
    def committed_in_buffer(self) -> Sequence[Word]:
        """The committed words that lie in the buffer."""
        return self._committed[len(self._committed) - self._count_in_buffer :]

    def count_before(self, seconds: float) -> int:
        """The number of committed words that end by this time."""
        count = len(self._committed)
        while count and self._committed[count - 1].end > seconds:
            count -= 1
        return count

    def update(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Takes the next hypothesis of the buffer; returns the words that are committed by it."""
        new = self._beyond_committed(words)
        agreed = _agreed(self._tentative, new)
        self._tentative = new[agreed:]
        return self._commit(new[:agreed])

    def commit_all(self, words: Sequence[Word] | None = None) -> tuple[Word, ...]:
        """Commits all of a last hypothesis; None commits the tentative words."""
        new = self._tentative if words is None else self._beyond_committed(words)
        self._tentative = ()
        return self._commit(new)

    def commit_before(self, words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
        """Commits, without agreement, the words that end by this time."""
        self._tentative = ()
        return self._commit([word for word in self._beyond_committed(words) if word.end <= seconds])

    def trim_before(self, seconds: float) -> None:
        """Moves the begin of the buffer to this time."""
        self._count_in_buffer = min(self._count_in_buffer, len(self._committed) - self.count_before(seconds))

    def reset(self, seconds: float) -> None:
        """Starts a new buffer at this time."""
        self._tentative = ()
        self._count_in_buffer = len(self._committed) - self.count_before(seconds)

    def _commit(self, words: Sequence[Word]) -> tuple[Word, ...]:
        committed = []
        for word in words:
            after = self._committed[-1].end if self._committed else 0.0
            start = max(word.start, after)
            committed.append(replace(word, start=start, end=max(word.end, start)))
            self._committed.append(committed[-1])
        self._count_in_buffer += len(committed)
        return tuple(committed)

    def _beyond_committed(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """The words of a hypothesis behind those that are committed already."""
        committed = [normalized(word) for word in self.committed_in_buffer]
        hypothesis = [normalized(word) for word in words]
        if hypothesis[: len(committed)] == committed:
            return tuple(words[len(committed) :])
        distances = _distances(committed, hypothesis)
        end = self._committed[-1].end
        costs = [
            distance + SECOND_APART_COSTS * abs(_boundary(words, at) - end)
            for at, distance in enumerate(distances)
        ]
        return tuple(words[costs.index(min(costs)) :])


def normalized(word: Word) -> str:
    """The word as it is compared: without case and punctuation."""
    return re.sub(r"[^\w']", "", word.word.replace("’", "'").casefold()).strip("'")


def text_of(words: Iterable[Word]) -> str:
    """The words as text; each has its own leading space."""
    return "".join(word.word for word in words)


def _agreed(before: Sequence[Word], now: Sequence[Word]) -> int:
    """The length of the common prefix.

    A last word with punctuation is left out, because Whisper ends a sentence wherever the audio ends.
    """
    count = 0
    for one, other in zip(before, now, strict=False):
        if normalized(one) != normalized(other):
            break
        count += 1
    if count and count == len(now) and _PUNCTUATED.search(now[-1].word):
        count -= 1
    return count


def _boundary(words: Sequence[Word], at: int) -> float:
    """The time at which the words from `at` on begin."""
    if at < len(words):
        return words[at].start
    return words[-1].end if words else 0.0


def _distances(committed: Sequence[str], hypothesis: Sequence[str]) -> list[int]:
    """The edit distance of all committed words to the first 0, 1, 2, ... of the hypothesis (Levenshtein)."""
    row = list(range(len(committed) + 1))
    distances = [row[-1]]
    for count, word in enumerate(hypothesis, 1):
        diagonal, row[0] = row[0], count
        for at, other in enumerate(committed, 1):
            cost = min(row[at] + 1, row[at - 1] + 1, diagonal + (word != other))
            diagonal, row[at] = row[at], cost
        distances.append(row[-1])
    return distances
