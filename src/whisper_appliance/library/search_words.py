"""The words of a search: words that must all occur, phrases in quotes, and beginnings of words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from whisper_appliance.core.search_terms import fold, is_unbroken, query_terms

MAX_WORDS = 16
MIN_PREFIX_CHARS = 2
_QUOTES = '"\u201c\u201d\u201e\u201f\u00ab\u00bb'
_PARTS = re.compile(rf"[{_QUOTES}]([^{_QUOTES}]*)(?:[{_QUOTES}]|$)|([^\s{_QUOTES}]+)")


@dataclass(frozen=True, slots=True)
class SearchWord:
    """A word or a phrase: terms of the index that follow each other; `prefix`: the last one may go on."""

    terms: tuple[str, ...]
    prefix: bool
    folded: str
    typed: str

    @property
    def pattern(self) -> str:
        """A regular expression for its places in a folded text."""
        joined = " +".join(re.escape(part) for part in self.folded.split())
        if is_unbroken(self.folded):
            return joined
        return rf"(?<![^ ]){joined}{'[^ ]*' if self.prefix else '(?![^ ])'}"


def search_words(query: str) -> list[SearchWord]:
    """Splits the input of a search; what has no letter or digit is left out.

    The last word may be the beginning of a longer one, because people still type it; others may if a `*`
    follows. Phrases in quotes are taken as they are.
    """
    found: list[SearchWord] = []
    parts = list(_PARTS.finditer(query.replace("\x00", " ")))
    for part in parts[:MAX_WORDS]:
        phrase, word = part[1], part[2]
        typed = phrase if word is None else word
        open_end = word is not None and (part is parts[-1] or word.endswith("*"))
        terms, goes_on = query_terms(typed)
        if terms:
            prefix = goes_on or (open_end and len(terms[-1]) >= MIN_PREFIX_CHARS)
            found.append(SearchWord(terms, prefix, fold(typed).strip(), typed))
    return found


def pattern_of(words: Sequence[SearchWord]) -> "re.Pattern[str]":
    """One pattern for the places of any of the words in a folded text."""
    longest_first = sorted((word.pattern for word in words), key=len, reverse=True)
    return re.compile("|".join(longest_first))
