"""Full-text search in transcripts: FTS5 on SQLite, tsvector on PostgreSQL, behind the same function.

Languages without spaces between words (Chinese, Japanese, Thai, ...) are searched by characters: on SQLite
with the trigram index if each term has three characters or more, else by a scan of the rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from whisper_appliance.storage.schema.library import transcripts

WITHOUT_WORD_BREAKS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
MAX_TERMS = 16
SNIPPET_WORDS = 24
HIT_START, HIT_END = "\x02", "\x03"

WORDS = sa.table("transcript_words", sa.column("rowid"))
CHARACTERS = sa.table("transcript_characters", sa.column("rowid"))
# Exactly the expression of the index in migration 0001, because PostgreSQL would not use the index otherwise.
VECTOR: sa.ColumnClause[str] = sa.literal_column("to_tsvector('simple', left(title || ' ' || text, 250000))")


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """The queries of one search: the numbers of the matching rows, and the same with a snippet of each."""

    numbers: sa.Select[Any]
    snippets: sa.Select[Any]


def search_terms(words: str) -> list[str]:
    """Splits the input into terms that must all occur; terms without a letter or digit are left out."""
    parts = words.replace("\x00", " ").split()
    return [part for part in parts if any(character.isalnum() for character in part)][:MAX_TERMS]


def search_query(words: str, *, sqlite: bool) -> SearchQuery | None:
    """Returns the queries for some words, None if they have no term."""
    terms = search_terms(words)
    if not terms:
        return None
    if WITHOUT_WORD_BREAKS.search(words):
        indexed = sqlite and all(len(term) >= 3 for term in terms)
        return _by_index(CHARACTERS, terms, prefix=False) if indexed else _by_scan(terms, sqlite=sqlite)
    return _by_index(WORDS, terms, prefix=True) if sqlite else _by_vector(terms)


def split_at_hits(snippet: str) -> tuple[str, ...]:
    """Splits a snippet at its hits: every second part is a hit, the first one is not."""
    return tuple(re.split(f"[{HIT_START}{HIT_END}]", snippet))


def _by_index(index: sa.TableClause, terms: Sequence[str], *, prefix: bool) -> SearchQuery:
    # Quoted, because FTS5 reads no operator of its query language in a quoted string.
    quoted = ['"' + term.replace('"', '""') + '"' for term in terms]
    expression = " ".join(quoted) + ("*" if prefix else "")
    table: sa.ColumnClause[str] = sa.literal_column(index.name)
    found = table.op("MATCH", is_comparison=True)(expression)
    snippet = sa.func.snippet(table, -1, HIT_START, HIT_END, "…", SNIPPET_WORDS)
    return SearchQuery(sa.select(index.c.rowid).where(found), sa.select(index.c.rowid, snippet).where(found))


def _by_vector(terms: Sequence[str]) -> SearchQuery:
    query = sa.func.plainto_tsquery(sa.literal_column("'simple'"), " ".join(terms))
    found = VECTOR.op("@@", is_comparison=True)(query)
    options = f'StartSel="{HIT_START}", StopSel="{HIT_END}", MaxWords={SNIPPET_WORDS}, MinWords=8'
    snippet = sa.func.ts_headline(sa.literal_column("'simple'"), transcripts.c.text, query, options)
    number = transcripts.c.number
    return SearchQuery(sa.select(number).where(found), sa.select(number, snippet).where(found))


def _by_scan(terms: Sequence[str], *, sqlite: bool) -> SearchQuery:
    conditions = [
        sa.or_(
            transcripts.c.text.icontains(term, autoescape=True),
            transcripts.c.title.icontains(term, autoescape=True),
        )
        for term in terms
    ]
    found = sa.and_(*conditions)
    find = sa.func.instr if sqlite else sa.func.strpos
    at_least = sa.func.max if sqlite else sa.func.greatest
    excerpt = sa.func.substr(transcripts.c.text, at_least(1, find(transcripts.c.text, terms[0]) - 20), 60)
    highlighted = sa.func.replace(excerpt, terms[0], f"{HIT_START}{terms[0]}{HIT_END}")
    number = transcripts.c.number
    return SearchQuery(sa.select(number).where(found), sa.select(number, highlighted).where(found))
