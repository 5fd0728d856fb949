"""How good captions were: when each word appeared and settled, and how much flickered."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from rapidfuzz.distance import Levenshtein

from whisper_appliance.live.local_agreement import normalized
from whisper_appliance.transcript.model import Word

WORDS_LOOKED_BACK = 80


@dataclass(frozen=True, slots=True)
class Shown:
    """What a reader saw from a moment on: so many settled words, and the tentative ones behind them."""

    at: float
    committed: int
    tentative: tuple[str, ...]


@dataclass
class Score:
    """Seconds from the end of each word to its first appearance and to its settling."""

    first: list[float] = field(default_factory=list)
    commit: list[float] = field(default_factory=list)
    erased: int = 0
    words: int = 0
    spoken: int = 0

    def add(self, other: "Score") -> None:
        """Takes another recording's figures in."""
        self.first += other.first
        self.commit += other.commit
        self.erased += other.erased
        self.words += other.words
        self.spoken += other.spoken

    @property
    def flicker(self) -> float:
        """Words that were shown and taken back, for each one that stayed."""
        return self.erased / max(1, self.words)

    @property
    def found(self) -> float:
        """The share of the offline transcript's words that were settled."""
        return len(self.commit) / max(1, self.spoken)


def score(trace: Sequence[Shown], committed: Sequence[Word], truth: Sequence[Word]) -> Score:
    """Compares with the words of the offline transcript of the same model, whose times are the yardstick."""
    settled = [normalized(word) for word in committed]
    spoken = [normalized(word) for word in truth]
    times = _settling_times(trace)
    commit = [times[at] - truth[of].end for of, at in _equal(spoken, settled)]
    first, erased = _appearances(trace, settled, truth, spoken)
    return Score(first, commit, erased, len(settled), len(spoken))


def percentile(seconds: Sequence[float], percent: int) -> float:
    """E.g. the median: 50."""
    return float(np.percentile(seconds, percent)) if seconds else float("nan")


def spread(seconds: Sequence[float]) -> str:
    """Median and 95th percentile, for a table."""
    return f"{percentile(seconds, 50):.2f} / {percentile(seconds, 95):.2f}" if seconds else "–"


def _settling_times(trace: Sequence[Shown]) -> list[float]:
    times: list[float] = []
    for shown in trace:
        times += [shown.at] * (shown.committed - len(times))
    return times


def _appearances(trace: Sequence[Shown], settled: Sequence[str], truth: Sequence[Word],
                 spoken: Sequence[str]) -> tuple[list[float], int]:  # fmt: skip
    first: dict[int, float] = {}
    erased, before = 0, list[str]()
    for shown in trace:
        now = [*settled[: shown.committed], *shown.tentative]
        kept = next((i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), None)
        erased += len(before) - (min(len(before), len(now)) if kept is None else kept)
        before = now
        begun = sum(word.start <= shown.at for word in truth)
        for of, _ in _equal(spoken[:begun], now):
            if of >= begun - WORDS_LOOKED_BACK:
                first.setdefault(of, shown.at - truth[of].end)
    return list(first.values()), erased


def _equal(reference: Sequence[str], heard: Sequence[str]) -> list[tuple[int, int]]:
    """The pairs of equal words on a cheapest way from one to the other."""
    pairs: list[tuple[int, int]] = []
    for step in Levenshtein.opcodes(reference, heard):
        if step.tag == "equal":
            pairs += zip(
                range(step.src_start, step.src_end), range(step.dest_start, step.dest_end), strict=True
            )
    return pairs
