"""Full-text search in transcripts: FTS5 on SQLite, a GIN index on PostgreSQL, with the same results.

Both indexes hold the terms of `core.search_terms`. Relevance is BM25 without the rarity of a word (Robertson
and Zaragoza, 2009), because every transcript found has all the words; a word in the title counts more.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from whisper_appliance.library.search_words import SearchWord
from whisper_appliance.storage.schema.library import search_documents

TERM_SATURATION = 1.2
LENGTH_WEIGHT = 0.75
USUAL_CHARS = 5000.0
TITLE_WEIGHT = 3.0
ANNOTATION_WEIGHT = 1.5

_INDEX = sa.table("transcript_terms", sa.column("rowid"))
_NUMBER = search_documents.c.transcript_number
_TEXTS = (search_documents.c.title, search_documents.c.annotations, search_documents.c.text)
# The function of migration 0018, over which the index is.
_TERMS: sa.Function[Any] = sa.func.document_terms(*_TEXTS)


def matching_numbers(words: Sequence[SearchWord], *, sqlite: bool) -> sa.Select[Any]:
    """The numbers of the transcripts that have all the words, of any owner."""
    if sqlite:
        table: sa.ColumnClause[str] = sa.literal_column(_INDEX.name)
        expression = " AND ".join(_fts5(word) for word in words)
        return sa.select(_INDEX.c.rowid).where(table.op("MATCH", is_comparison=True)(expression))
    found = _TERMS.op("@@", is_comparison=True)(_tsquery(words, " & "))
    phrases = [_has_phrase(word) for word in words if len(word.terms) > 1]
    return sa.select(_NUMBER).where(found, *phrases)


def matching_any(terms: Sequence[str], *, sqlite: bool) -> sa.Select[Any]:
    """The numbers of the transcripts that have one of these terms, of any owner."""
    words = [SearchWord((term,), False, term, term) for term in terms]
    if sqlite:
        table: sa.ColumnClause[str] = sa.literal_column(_INDEX.name)
        expression = " OR ".join(_fts5(word) for word in words)
        return sa.select(_INDEX.c.rowid).where(table.op("MATCH", is_comparison=True)(expression))
    found = sa.select(_NUMBER).where(_TERMS.op("@@", is_comparison=True)(_tsquery(words, " | ")))
    # Looked up before all else, because PostgreSQL takes many unknown terms for many transcripts.
    numbers = found.cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
    return sa.select(numbers.c.transcript_number)


def relevance(words: Sequence[SearchWord], title: str, annotations: str, text: str) -> float:
    """How well the indexed texts of a transcript fit the words, all of which it has."""
    saturation = TERM_SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * len(text) / USUAL_CHARS)
    title, annotations, text = (f" {part} " for part in (title, annotations, text))
    score = 0.0
    for word in words:
        needle = " " + _needle(word)
        said = text.count(needle)
        score += said / (said + saturation)
        score += TITLE_WEIGHT * (needle in title) + ANNOTATION_WEIGHT * (needle in annotations)
    return score


def _needle(word: SearchWord) -> str:
    """The terms as they stand in an indexed text, up to where the last one may go on."""
    return " ".join(word.terms) + ("" if word.prefix else " ")


def _fts5(word: SearchWord) -> str:
    # Quoted, because FTS5 reads no operator of its query language in a quoted string.
    return f'"{" ".join(word.terms)}"{"*" if word.prefix else ""}'


def _tsquery(words: Sequence[SearchWord], operator: str) -> sa.ColumnElement[Any]:
    from sqlalchemy.dialects.postgresql import TSQUERY  # slow, and not needed on SQLite

    lexemes: list[str] = []
    for word in words:
        *before, last = word.terms
        lexemes += [f"'{term}'" for term in before]
        lexemes.append(f"'{last}'" + (":*" if word.prefix else ""))
    # Not as a parameter, because the best plan depends on how frequent the terms are.
    return sa.cast(sa.bindparam(None, operator.join(lexemes), sa.Text, literal_execute=True), TSQUERY)


def _has_phrase(word: SearchWord) -> sa.ColumnElement[bool]:
    # Not by LIKE, because PostgreSQL takes a long pattern for a rare one.
    space = sa.literal(" ", sa.Text)
    return sa.or_(*(sa.func.strpos(space + column + space, f" {_needle(word)}") > 0 for column in _TEXTS))
