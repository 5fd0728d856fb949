"""Time marks: at which second of a recording a place of its text is said."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

MIN_SECONDS = 0.5

TimedText = tuple[str, float, Sequence[tuple[str, float]]]
"""The text of a segment, its start in seconds, and its words with theirs."""
Mark = tuple[int, float]
"""A place in the text, in characters, and its second."""


def time_marks(segments: Iterable[TimedText]) -> list[Mark]:
    """The marks of a text that is its segments joined and stripped; at most two for a second."""
    marks: list[Mark] = []
    place = 0
    leading: int | None = None
    for text, start, words in segments:
        if leading is None and text.strip():
            leading = place + len(text) - len(text.lstrip())
        _add(marks, place - (leading or 0), start)
        inside = 0
        for word, word_start in words:
            found = text.find(word.strip(), inside)
            if found >= 0:
                _add(marks, place + found - (leading or 0), word_start)
                inside = found + len(word.strip())
        place += len(text)
    return marks


def second_at(marks: Sequence[Mark], place: int) -> float:
    """The second at which the text at a place is said; 0 without marks."""
    index = bisect_right(marks, (place, float("inf"))) - 1
    return marks[index][1] if index >= 0 else 0.0


def encode_marks(marks: Iterable[Mark]) -> str:
    """The marks as text for the database."""
    return " ".join(f"{place}:{seconds:.2f}" for place, seconds in marks)


def decode_marks(text: str) -> list[Mark]:
    """The marks that `encode_marks` wrote."""
    pairs = (mark.split(":") for mark in text.split())
    return [(int(place), float(seconds)) for place, seconds in pairs]


def _add(marks: list[Mark], place: int, seconds: float) -> None:
    if not marks or seconds - marks[-1][1] >= MIN_SECONDS:
        marks.append((max(0, place), seconds))
