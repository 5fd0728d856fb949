"""Refinement: a second hypothesis of a paragraph replaces words only where it is surer than the first."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from whisper_appliance.live.local_agreement import normalized
from whisper_appliance.transcript.model import Word

SURE_PROBABILITY = 0.5
"""Words on one side only are believed from this mean probability on."""


def surer_words(committed: Sequence[Word], second: Sequence[Word]) -> tuple[Word, ...]:
    """The words of both hypotheses: those of the second where it is surer, or only punctuated differently."""
    matcher = SequenceMatcher(None, [*map(normalized, committed)], [*map(normalized, second)], autojunk=False)
    chosen: list[Word] = []
    for kind, first, stop, other_first, other_stop in matcher.get_opcodes():
        before, after = committed[first:stop], second[other_first:other_stop]
        surer = kind == "equal" or _probability(after) > _probability(before)
        chosen += after if surer else before
    return _in_order(chosen)


def _probability(words: Sequence[Word]) -> float:
    if not words:
        return SURE_PROBABILITY
    return sum(word.probability for word in words) / len(words)


def _in_order(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words without overlaps, because the two hypotheses time them differently."""
    placed: list[Word] = []
    for word in words:
        start = max(word.start, placed[-1].end) if placed else word.start
        placed.append(replace(word, start=start, end=max(word.end, start)))
    return tuple(placed)
