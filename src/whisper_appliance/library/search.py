"""Finding words in transcripts: FTS5 on SQLite, tsvector on PostgreSQL, behind the same function.

Languages without spaces between words (Chinese, Japanese, Thai, ...) are searched by characters instead: with
the trigram index from three characters on, by a plain scan below that and on PostgreSQL.
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
# Exactly the expression of the index in migration 0001, or PostgreSQL would not use it.
VECTOR: sa.ColumnClause[str] = sa.literal_column("to_tsvector('simple', left(title || ' ' || text, 250000))")


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """How to ask for some words: the numbers of the rows that have them, and these with a snippet of each."""

    numbers: sa.Select[Any]
    snippets: sa.Select[Any]


def search_terms(words: str) -> list[str]:
    """What the user typed, as terms that must all occur; marks without a letter or digit are left out."""
    parts = words.replace("\x00", " ").split()
    return [part for part in parts if any(character.isalnum() for character in part)][:MAX_TERMS]


def search_query(words: str, *, sqlite: bool) -> SearchQuery | None:
    """The question to ask, None when nothing was typed that could be found."""
    asked = search_terms(words)
    if not asked:
        return None
    if WITHOUT_WORD_BREAKS.search(words):
        indexed = sqlite and all(len(term) >= 3 for term in asked)
        return _by_index(CHARACTERS, asked, prefix=False) if indexed else _by_scan(asked, sqlite=sqlite)
    return _by_index(WORDS, asked, prefix=True) if sqlite else _by_vector(asked)


def split_at_hits(snippet: str) -> tuple[str, ...]:
    """A snippet cut at its hits: every second piece is a hit, the first one is not."""
    return tuple(re.split(f"[{HIT_START}{HIT_END}]", snippet))


def _by_index(index: sa.TableClause, asked: Sequence[str], *, prefix: bool) -> SearchQuery:
    # A quoted string is never read as an operator of FTS5's query language.
    quoted = ['"' + term.replace('"', '""') + '"' for term in asked]
    question = " ".join(quoted) + ("*" if prefix else "")
    table: sa.ColumnClause[str] = sa.literal_column(index.name)
    found = table.op("MATCH", is_comparison=True)(question)
    snippet = sa.func.snippet(table, -1, HIT_START, HIT_END, "…", SNIPPET_WORDS)
    return SearchQuery(sa.select(index.c.rowid).where(found), sa.select(index.c.rowid, snippet).where(found))


def _by_vector(asked: Sequence[str]) -> SearchQuery:
    query = sa.func.plainto_tsquery(sa.literal_column("'simple'"), " ".join(asked))
    found = VECTOR.op("@@", is_comparison=True)(query)
    how = f'StartSel="{HIT_START}", StopSel="{HIT_END}", MaxWords={SNIPPET_WORDS}, MinWords=8'
    snippet = sa.func.ts_headline(sa.literal_column("'simple'"), transcripts.c.text, query, how)
    number = transcripts.c.number
    return SearchQuery(sa.select(number).where(found), sa.select(number, snippet).where(found))


def _by_scan(asked: Sequence[str], *, sqlite: bool) -> SearchQuery:
    either = [
        sa.or_(
            transcripts.c.text.icontains(term, autoescape=True),
            transcripts.c.title.icontains(term, autoescape=True),
        )
        for term in asked
    ]
    found = sa.and_(*either)
    where = sa.func.instr if sqlite else sa.func.strpos
    least = sa.func.max if sqlite else sa.func.greatest
    excerpt = sa.func.substr(transcripts.c.text, least(1, where(transcripts.c.text, asked[0]) - 20), 60)
    marked = sa.func.replace(excerpt, asked[0], f"{HIT_START}{asked[0]}{HIT_END}")
    number = transcripts.c.number
    return SearchQuery(sa.select(number).where(found), sa.select(number, marked).where(found))
