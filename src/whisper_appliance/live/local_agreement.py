"""Which words are settled: those on which two hearings in a row agree. Data only; no clock, no files.

LocalAgreement-2 (Liu et al., "Low-Latency Sequence-to-Sequence Speech Recognition and Translation by Partial
Hypothesis Selection", Interspeech 2020). Each hearing is of the whole buffer, so it begins with words that
are settled already; how many is found by edit distance over words, with a cost for times that do not fit.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from whisper_appliance.transcript.model import Word

SECOND_APART_COSTS = 0.3
_PUNCTUATED = re.compile(r"[^\w\s'’]+\s*$")


class LocalAgreement:
    """The words of one microphone: settled ones, which never change, and tentative ones behind them."""

    def __init__(self, committed: Iterable[Word] = ()) -> None:
        """`committed` are words that were settled before, by an earlier run."""
        self._committed = list(committed)
        self._inside = 0
        self._tentative: tuple[Word, ...] = ()

    @property
    def committed(self) -> Sequence[Word]:
        """Settled words; it only ever grows at its end."""
        return self._committed

    @property
    def tentative(self) -> tuple[Word, ...]:
        """What the last hearing said behind the settled words."""
        return self._tentative

    @property
    def committed_in_buffer(self) -> Sequence[Word]:
        """The settled words that lie in the buffer."""
        return self._committed[len(self._committed) - self._inside :]

    def count_before(self, seconds: float) -> int:
        """How many settled words end by then."""
        count = len(self._committed)
        while count and self._committed[count - 1].end > seconds:
            count -= 1
        return count

    def update(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Takes one more hearing of the buffer; returns the words that are settled by it."""
        new = self._beyond(words)
        agreed = _agreed(self._tentative, new)
        self._tentative = new[agreed:]
        return self._commit(new[:agreed])

    def commit_all(self, words: Sequence[Word] | None = None) -> tuple[Word, ...]:
        """Settles all of a last hearing, or what is tentative where there was none."""
        new = self._tentative if words is None else self._beyond(words)
        self._tentative = ()
        return self._commit(new)

    def commit_before(self, words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
        """Settles, without a second hearing, what ends before a time."""
        self._tentative = ()
        return self._commit([word for word in self._beyond(words) if word.end <= seconds])

    def trim_before(self, seconds: float) -> None:
        """The buffer begins at this time from now on."""
        self._inside = min(self._inside, len(self._committed) - self.count_before(seconds))

    def reset(self, seconds: float) -> None:
        """A new buffer begins at this time."""
        self._tentative = ()
        self._inside = len(self._committed) - self.count_before(seconds)

    def _commit(self, words: Sequence[Word]) -> tuple[Word, ...]:
        committed = []
        for word in words:
            after = self._committed[-1].end if self._committed else 0.0
            start = max(word.start, after)
            committed.append(replace(word, start=start, end=max(word.end, start)))
            self._committed.append(committed[-1])
        self._inside += len(committed)
        return tuple(committed)

    def _beyond(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """The words behind those that are settled already."""
        settled, heard = (
            [normalized(word) for word in self.committed_in_buffer],
            [normalized(word) for word in words],
        )
        if heard[: len(settled)] == settled:
            return tuple(words[len(settled) :])
        distances = _distances(settled, heard)
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
    """The words as text; each brings its own leading space."""
    return "".join(word.word for word in words)


def _agreed(before: Sequence[Word], now: Sequence[Word]) -> int:
    """How many words both begin with.

    A sentence seems to end wherever the audio does, so a last word with punctuation waits for its successor.
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


def _distances(settled: Sequence[str], heard: Sequence[str]) -> list[int]:
    """The edit distance of all settled words to the first 0, 1, 2, ... of those heard (Levenshtein)."""
    row = list(range(len(settled) + 1))
    distances = [row[-1]]
    for count, word in enumerate(heard, 1):
        diagonal, row[0] = row[0], count
        for at, other in enumerate(settled, 1):
            cost = min(row[at] + 1, row[at - 1] + 1, diagonal + (word != other))
            diagonal, row[at] = row[at], cost
        distances.append(row[-1])
    return distances
