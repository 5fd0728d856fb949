"""Differences between two states of a transcript: hunks that can be applied, and taken back."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

from whisper_appliance.core.errors import ChangedMeanwhile
from whisper_appliance.transcript.editing.word_times import word_steps
from whisper_appliance.transcript.model import Segment

PartKind = Literal["same", "removed", "added"]


@dataclass(frozen=True, slots=True)
class Hunk:
    """Segments that were replaced by others, and the key of the segment before them (empty: none)."""

    after: str
    removed: tuple[Segment, ...]
    added: tuple[Segment, ...]

    def inverse(self) -> "Hunk":
        """The hunk that takes this one back."""
        return Hunk(self.after, self.added, self.removed)


def difference(before: Sequence[Segment], after: Sequence[Segment]) -> tuple[Hunk, ...]:
    """The hunks that lead from one state to the other. All segments have keys, each once in a state."""
    return tuple(
        Hunk(before[i - 1].key if i else "", tuple(before[i:j]), tuple(after[k:end]))
        for i, j, k, end in _changed_ranges(before, after)
    )


def with_hunks(segments: Sequence[Segment], hunks: Iterable[Hunk]) -> tuple[Segment, ...]:
    """The segments after the hunks. Raises `ChangedMeanwhile` where the segments to remove are others now."""
    result = list(segments)
    for hunk in hunks:
        place = _place(result, hunk)
        end = place + len(hunk.removed)
        if tuple(result[place:end]) != hunk.removed:
            raise ChangedMeanwhile("This was changed again in the meantime.")
        result[place:end] = hunk.added
    return tuple(result)


def changed_keys(hunks: Iterable[Hunk]) -> set[str]:
    """The keys of all segments that the hunks remove or add."""
    return {segment.key for hunk in hunks for segment in (*hunk.removed, *hunk.added)}


def word_difference(before: str, after: str) -> list[tuple[PartKind, str]]:
    """The stretches of words that stayed, were removed and were added, in reading order."""
    old, new = before.split(), after.split()
    parts: list[tuple[PartKind, str]] = []
    for step, i, j, k, end in word_steps(old, new):
        if step == "equal":
            parts.append(("same", " ".join(old[i:j])))
            continue
        if j > i:
            parts.append(("removed", " ".join(old[i:j])))
        if end > k:
            parts.append(("added", " ".join(new[k:end])))
    return parts


def _place(segments: list[Segment], hunk: Hunk) -> int:
    wanted = hunk.removed[0].key if hunk.removed else hunk.after
    for place, segment in enumerate(segments):
        if segment.key == wanted:
            return place if hunk.removed else place + 1
    if hunk.removed:
        raise ChangedMeanwhile("This was changed again in the meantime.")
    start = hunk.added[0].start if hunk.after and hunk.added else 0.0
    return sum(1 for segment in segments if segment.start < start)


def _changed_ranges(
    before: Sequence[Segment], after: Sequence[Segment]
) -> Iterator[tuple[int, int, int, int]]:
    """`(i, j, k, end)`: `before[i:j]` became `after[k:end]`. Neighbouring changes are one range."""
    keys_before, keys_after = [each.key for each in before], [each.key for each in after]
    steps: list[tuple[bool, int, int, int, int]] = []
    for kind, i, j, k, end in SequenceMatcher(None, keys_before, keys_after, autojunk=False).get_opcodes():
        if kind != "equal":
            steps.append((True, i, j, k, end))
            continue
        for offset in range(j - i):
            same = before[i + offset] == after[k + offset]
            steps.append((not same, i + offset, i + offset + 1, k + offset, k + offset + 1))
    for changed, group in groupby(steps, lambda step: step[0]):
        if changed:
            first, *others = group
            last = others[-1] if others else first
            yield first[1], last[2], first[3], last[4]
