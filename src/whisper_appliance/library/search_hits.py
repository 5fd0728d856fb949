"""The hits of a search in one transcript: snippets with the words marked, each with its second."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from whisper_appliance.core.search_terms import composed, fold
from whisper_appliance.core.time_marks import Mark, second_at

SNIPPET_CHARS = 150
CHARS_BEFORE = 60
MAX_HITS = 3


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A place where words were found, in seconds; every second piece of its snippet is one of the words."""

    start: float
    pieces: tuple[str, ...]
    note_id: str = ""
    """Id of the note that has them; empty if they were said."""


@dataclass(frozen=True, slots=True)
class SearchHits:
    """The first hits in a transcript, then those in its notes; how often the words occur in its text."""

    hits: tuple[SearchHit, ...]
    count: int


def find_hits(text: str, marks: Sequence[Mark], pattern: "re.Pattern[str]") -> SearchHits:
    """Finds the words in the text of a transcript; hits close to each other share a snippet."""
    shown, folded = composed(text), fold(text)
    found = [match.span() for match in pattern.finditer(folded)]
    hits: list[SearchHit] = []
    end = 0
    for start, stop in found:
        if start < end:
            continue
        if len(hits) == MAX_HITS:
            break
        begin, end = _snippet_range(folded, start)
        end = max(end, stop)
        inside = [span for span in found if begin <= span[0] and span[1] <= end]
        hits.append(SearchHit(second_at(marks, start), _pieces(shown, begin, end, inside)))
    return SearchHits(tuple(hits), len(found))


def find_note_hits(
    notes: Sequence[tuple[str, float, str]], pattern: "re.Pattern[str]"
) -> tuple[SearchHit, ...]:
    """Finds the words in notes (id, second, text); one hit for each note that has one of them."""
    hits: list[SearchHit] = []
    for note_id, start, text in notes:
        found = find_hits(text, (), pattern).hits
        if found and len(hits) < MAX_HITS:
            hits.append(SearchHit(start, found[0].pieces, note_id))
    return tuple(hits)


def _snippet_range(folded: str, hit: int) -> tuple[int, int]:
    begin = max(0, hit - CHARS_BEFORE)
    if begin:
        space = folded.find(" ", begin, hit)
        begin = space + 1 if space >= 0 else begin
    end = min(len(folded), begin + SNIPPET_CHARS)
    if end < len(folded):
        space = folded.rfind(" ", hit + 1, end)
        end = space if space > hit + SNIPPET_CHARS // 4 else end
    return begin, end


def _pieces(shown: str, begin: int, end: int, spans: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    pieces: list[str] = []
    place = begin
    for start, stop in spans:
        pieces += [shown[place:start], shown[start:stop]]
        place = stop
    pieces.append(shown[place:end])
    pieces[0] = ("…" if begin else "") + pieces[0].lstrip()
    if end < len(shown):
        pieces[-1] = pieces[-1].rstrip() + "…"
    return tuple(pieces)
