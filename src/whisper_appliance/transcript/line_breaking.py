"""Line breaking of subtitles: the least-cost way to break a text into cues and lines.

The breaks are found as Knuth and Plass find paragraphs ("Breaking Paragraphs into Lines", 1981): every
break has a cost, and dynamic programming finds the cheapest path.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from whisper_appliance.transcript import typography

SENTENCE, CLAUSE, PHRASE, PLAIN, BAD, NEVER = 0, 1, 6, 9, 14, 100
SLACK = 8
NEW_CUE = 5
CUE_FACTOR = 3
PAUSE_MS = 1500
LONG_CUE_MS = 7000
LONG_CUE = 25


@dataclass(frozen=True, slots=True)
class TextUnit:
    """A word or grapheme, never broken. `spaced`: a space precedes it, except at the start of a line."""

    text: str
    spaced: bool
    width: int


class BreakPath(NamedTuple):
    """The cheapest path to a position in the text; its last line is line `line` of a cue."""

    cost: float
    line: int
    line_start: int
    cue_start: int
    previous: "BreakPath | None"


def clean(text: str) -> str:
    """The text on one line: white space of any kind becomes one space, control characters go."""
    return " ".join(typography.UNPRINTABLE.sub("", " ".join(text.split())).split())


def split_units(text: str) -> list[TextUnit]:
    """The unbreakable units of a text: words, or graphemes where a script has no spaces."""
    from wcwidth import width  # slow, and not needed at the start

    found: list[TextUnit] = []
    for word in clean(text).split(" "):
        found += [
            TextUnit(part, at == 0, len(part) if part.isascii() else width(part))
            for at, part in enumerate(_parts(word))
            if part
        ]
    return found


def _parts(word: str) -> list[str]:
    """A word as it is, or its graphemes, with punctuation kept at the side where it belongs."""
    if not typography.UNSPACED.search(word):
        return [word]
    from wcwidth import iter_graphemes

    parts: list[str] = []
    for grapheme in iter_graphemes(word):
        stays = bool(parts) and (
            grapheme[0] in typography.NOT_AT_START
            or parts[-1][-1] in typography.NOT_AT_END
            or not (typography.UNSPACED.match(grapheme) or typography.UNSPACED.match(parts[-1][-1]))
        )
        if stays:
            parts[-1] += grapheme
        else:
            parts.append(grapheme)
    return parts


def join_units(line: Sequence[TextUnit]) -> str:
    """The units as one line."""
    return "".join((" " if unit.spaced and at else "") + unit.text for at, unit in enumerate(line))


def break_cost(before: TextUnit, after: TextUnit, language: str) -> int:
    """The cost of a break between two units: 0 after a sentence, `NEVER` inside a number or a name."""
    word = before.text.rstrip(typography.CLOSING)
    bare = before.text.lower().strip(".,;:" + typography.CLOSING)
    if word[-1:].isdigit() and after.text[:1].isdigit():
        return NEVER
    if bare in typography.TITLES and after.text[:1].isupper():
        return NEVER
    if word.endswith(".") and len(bare) == 1:
        return BAD
    if word.endswith(typography.SENTENCE_ENDS):
        return SENTENCE
    if word.endswith(typography.CLAUSE_ENDS):
        return CLAUSE
    if bare in typography.LEANING.get(language, ()):
        return BAD
    if after.text.lower() in typography.PHRASE_STARTS.get(language, ()):
        return PHRASE
    return BAD if word[-1:].isdigit() else PLAIN


def break_into_cues(
    text: Sequence[TextUnit], times: Sequence[tuple[int, int]], language: str, max_chars: int, max_lines: int
) -> list[list[Sequence[TextUnit]]]:
    """The best cues for a text; each is a list of at most `max_lines` lines no wider than `max_chars`.

    `times` are start and end of each unit in milliseconds. Only a unit that is too wide by itself makes a
    line too wide. No line spans a pause of `PAUSE_MS`.
    """
    costs = [0] + [break_cost(before, after, language) for before, after in pairwise(text)]
    ways: list[dict[int, BreakPath]] = [{max_lines: BreakPath(0, max_lines, 0, 0, None)}]
    for stop in range(1, len(text) + 1):
        here: dict[int, BreakPath] = {}
        for start, slack in _lines_ending_at(text, times, stop, max_chars):
            for cost, line, cue_start, way in _steps(
                ways[start], start, stop, times, costs[start], max_lines
            ):
                if line not in here or cost + slack < here[line].cost:
                    here[line] = BreakPath(cost + slack, line, start, cue_start, way)
        ways.append(here)
    return _cues(text, min(ways[-1].values()))


def _lines_ending_at(
    text: Sequence[TextUnit], times: Sequence[tuple[int, int]], stop: int, max_chars: int
) -> list[tuple[int, float]]:
    """Where a line that ends before `stop` may start, with the cost of its unused width."""
    found: list[tuple[int, float]] = []
    used = 0
    for start in range(stop - 1, -1, -1):
        used += text[start].width
        if used > max_chars and found:
            break
        found.append((start, SLACK * (max(0, max_chars - used) / max_chars) ** 2))
        used += text[start].spaced
        if start and times[start][0] - times[start - 1][1] >= PAUSE_MS:
            break
    return found


def _steps(
    ways: Mapping[int, BreakPath],
    start: int,
    stop: int,
    times: Sequence[tuple[int, int]],
    cost: int,
    max_lines: int,
) -> Iterator[tuple[float, int, int, BreakPath]]:
    """The ways on by one more line: a new cue after the cheapest, or one more line in the same cue."""
    cheapest = min(ways.values())
    yield cheapest.cost + (CUE_FACTOR * cost + NEW_CUE if start else 0), 1, start, cheapest
    if start and times[start][0] - times[start - 1][1] >= PAUSE_MS:
        return
    for way in ways.values():
        if way.line < max_lines:
            long = LONG_CUE if times[stop - 1][1] - times[way.cue_start][0] > LONG_CUE_MS else 0
            yield way.cost + cost + long, way.line + 1, way.cue_start, way


def _cues(text: Sequence[TextUnit], last: BreakPath) -> list[list[Sequence[TextUnit]]]:
    cues: list[list[Sequence[TextUnit]]] = []
    stop, way = len(text), last
    lines: list[Sequence[TextUnit]] = []
    while way.previous is not None:
        lines.insert(0, text[way.line_start : stop])
        if way.line == 1:
            cues.insert(0, lines)
            lines = []
        stop, way = way.line_start, way.previous
    return cues
