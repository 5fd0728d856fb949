"""Search terms: text folded for comparison, and cut into the terms of a full-text index.

The terms are made here and not by a database, so that SQLite and PostgreSQL find the same transcripts. Terms
hold letters, digits and marks alone and are divided by single spaces. Languages without spaces between words
(Chinese, Japanese, Thai, ...) are indexed by pairs of characters.
"""

import re
import unicodedata
from collections.abc import Iterator

MAX_TERM_CHARS = 60
WITHOUT_WORD_BREAKS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUNS = re.compile(f"[{WITHOUT_WORD_BREAKS}]+|[^ {WITHOUT_WORD_BREAKS}]+")
_UNBROKEN = re.compile(f"[{WITHOUT_WORD_BREAKS}]+")


class _Folding(dict[int, str]):
    """Each character folded to one character: a lower-case base letter, or a space between words."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold_character(chr(code))
        return folded


def fold(text: str) -> str:
    """Folds case and accents away; all that is between words becomes spaces.

    The result has as many characters as `composed(text)`, so that places in one are places in the other.
    """
    return composed(text).translate(_FOLDING)


def composed(text: str) -> str:
    """The text with letters and their accents in one character where there is one (Unicode NFC)."""
    return unicodedata.normalize("NFC", text)


def is_unbroken(text: str) -> bool:
    """Whether the text has characters of a language without spaces between words."""
    return _UNBROKEN.search(text) is not None


def index_text(text: str) -> str:
    """The terms of a text as they are indexed, divided by single spaces."""
    return " ".join(_terms(fold(text)))


def query_terms(word: str) -> tuple[tuple[str, ...], bool]:
    """The terms of a word or a phrase that follow each other in `index_text` of a text that has it.

    The second value is whether the last term may go on, as it does where words have no breaks.
    """
    runs = _RUNS.findall(fold(word))
    if not runs:
        return (), False
    last = runs[-1]
    if not _UNBROKEN.fullmatch(last):
        return tuple(_terms(" ".join(runs))), False
    before = tuple(_terms(" ".join(runs[:-1])))
    return (*before, *(_pairs(last) or [last])), len(last) == 1


def _terms(folded: str) -> Iterator[str]:
    for run in _RUNS.findall(folded):
        if _UNBROKEN.fullmatch(run):
            yield from _pairs(run)
            yield run[-1]
        else:
            yield run[:MAX_TERM_CHARS]


def _pairs(run: str) -> list[str]:
    return [run[start : start + 2] for start in range(len(run) - 1)]


def _fold_character(character: str) -> str:
    if unicodedata.category(character)[0] not in "LNM":
        return " "
    base = unicodedata.normalize("NFKD", character)[0].casefold()
    if len(base) != 1 or unicodedata.category(base)[0] not in "LNM":
        base = character.lower()
    return base if len(base) == 1 else character


_FOLDING = _Folding()
