"""The list of an owner's transcripts: searched, filtered, sorted, and cut into pages."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from whisper_appliance.core.time_marks import decode_marks
from whisper_appliance.library import search
from whisper_appliance.library.folders import folder_and_below
from whisper_appliance.library.search_hits import SearchHits, find_hits, find_note_hits
from whisper_appliance.library.search_words import SearchWord, pattern_of, search_words
from whisper_appliance.library.shares import folders_and_below, shared_with
from whisper_appliance.library.spelling import similar_terms
from whisper_appliance.library.tags import tag_names
from whisper_appliance.library.transcript_rows import (
    COLUMNS,
    TranscriptSummary,
    owned_by,
    read_cursor,
    summary_from_row,
)
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import (
    notes,
    search_documents,
    speaker_names,
    tagged_transcripts,
    transcripts,
)

Sort = Literal["newest", "oldest", "title", "longest", "shortest", "relevance"]

MAX_PAGE_SIZE = 200
MAX_MATCHES = 1000
"""A search ends after so many matches, the first ones in the requested order; the newest, by relevance."""
NUMBERS_PER_QUERY = 500
NO_FOLDER = "none"
SPELLING_SAMPLE = 50
"""The right spelling is looked up in so many transcripts."""

_DOCUMENT = search_documents
_INDEXED = (_DOCUMENT.c.transcript_number, _DOCUMENT.c.title, _DOCUMENT.c.annotations, _DOCUMENT.c.text)


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which transcripts to list; a filter that is None or empty does not count.

    `created_from` and `created_until` are UTC times as they are stored, the second one excluded. Lengths are
    in seconds. `shared` is whether to list what others shared with the owner. A folder includes those in
    it, or is `NO_FOLDER`. All `tags` (ids) have to be there.
    """

    words: str = ""
    deleted: bool = False
    shared: Literal["no", "only", "too"] = "no"
    created_from: str | None = None
    created_until: str | None = None
    language: str | None = None
    model: str | None = None
    source: str | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    doubtful: bool | None = None
    favourite: bool | None = None
    edited: bool | None = None
    speaker: str | None = None
    folder_id: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListRange:
    """The part of a list that is wanted: from an offset, or (newest first) behind a cursor."""

    limit: int = 50
    offset: int = 0
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ListedTranscript:
    """A transcript in a list, with the hits of the search if there is one."""

    summary: TranscriptSummary
    tags: tuple[str, ...] = ()
    hits: SearchHits | None = None


@dataclass(frozen=True, slots=True)
class TranscriptList:
    """A part of a list. `total` counts all of it; there are `more` if the search ended before.

    `suggestion` is another spelling of words that were not found.
    """

    transcripts: tuple[ListedTranscript, ...]
    total: int
    more: bool = False
    next_cursor: str | None = None
    suggestion: str | None = None


class TranscriptListing:
    """Lists the transcripts of an owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self,
        owner: str,
        wanted: ListFilter,
        *,
        sort: Sort = "newest",
        part: ListRange = ListRange(),
    ) -> TranscriptList:
        """Returns a part of the list; with a cursor, `total` counts what is behind it.

        Raises `InvalidRequest` for an invalid cursor.
        """
        words = search_words(wanted.words)
        limit = max(1, min(part.limit, MAX_PAGE_SIZE))
        with self._database.read() as connection:
            query = self.numbers(connection, owner, wanted)
            if query is None:
                return TranscriptList((), 0)
            if part.cursor:
                query = query.where(_behind(part.cursor))
            if words:
                matches = self._matches(connection, query, sort, words)
                numbers, total = matches[part.offset : part.offset + limit + 1], len(matches)
            else:
                total = _count(connection, query)
                page = query.order_by(*self._order(sort)).offset(part.offset).limit(limit + 1)
                numbers = list(connection.execute(page).scalars())
            listed = self._listed(connection, numbers[:limit], words)
            suggestion = self._suggestion(connection, owner, wanted, words) if words and not total else None
        has_next = sort == "newest" and len(numbers) > limit and bool(listed)
        return TranscriptList(
            listed,
            min(total, MAX_MATCHES) if words else total,
            more=bool(words) and total > MAX_MATCHES,
            next_cursor=listed[-1].summary.cursor if has_next else None,
            suggestion=suggestion,
        )

    def readable(self, owner: str, ids: Collection[str]) -> frozenset[str]:
        """Those of these transcripts outside the trash that an owner may read: own and shared ones."""
        may_read = sa.or_(owned_by(owner, deleted=False), shared_with(owner))
        query = sa.select(transcripts.c.id).where(transcripts.c.id.in_(ids), may_read)
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def numbers(self, connection: sa.Connection, owner: str, wanted: ListFilter) -> sa.Select[Any] | None:
        """The numbers of all transcripts in a list; None for a search without a letter or digit."""
        words = search_words(wanted.words)
        if wanted.words.strip() and not words:
            return None
        return self._numbers(owner, wanted, words).where(*_in_folder(connection, owner, wanted))

    def _numbers(self, owner: str, wanted: ListFilter, words: Sequence[SearchWord]) -> sa.Select[Any]:
        query = sa.select(transcripts.c.number).where(_visible(owner, wanted), *_conditions(wanted))
        if words:
            found = search.matching_numbers(words, sqlite=self._database.is_sqlite)
            query = query.where(transcripts.c.number.in_(found))
        return query

    def _matches(
        self, connection: sa.Connection, query: sa.Select[Any], sort: Sort, words: Sequence[SearchWord]
    ) -> list[int]:
        numbers = list(
            connection.execute(query.order_by(*self._order(sort)).limit(MAX_MATCHES + 1)).scalars()
        )
        if sort != "relevance":
            return numbers
        scores: dict[int, float] = {}
        for start in range(0, len(numbers), NUMBERS_PER_QUERY):
            batch = _DOCUMENT.c.transcript_number.in_(numbers[start : start + NUMBERS_PER_QUERY])
            for number, *texts in connection.execute(sa.select(*_INDEXED).where(batch)):
                scores[number] = search.relevance(words, *texts)
        return sorted(numbers, key=lambda number: -scores.get(number, 0.0))  # stable: the newest first

    def _order(self, sort: Sort) -> tuple[sa.ColumnElement[Any], ...]:
        oldest = (transcripts.c.created, transcripts.c.id)
        newest = (transcripts.c.created.desc(), transcripts.c.id.desc())
        title, duration = transcripts.c.title_key, transcripts.c.duration
        # Each in one direction, as the indexes are.
        orders: dict[Sort, tuple[sa.ColumnElement[Any], ...]] = {
            "oldest": oldest,
            # SQLite compares characters by their number; PostgreSQL does so with this collation.
            "title": (title if self._database.is_sqlite else sa.collate(title, "C"), *oldest),
            "longest": (duration.desc(), *newest),
            "shortest": (duration, *oldest),
        }
        return orders.get(sort, newest)

    def _listed(
        self, connection: sa.Connection, numbers: Sequence[int], words: Sequence[SearchWord]
    ) -> tuple[ListedTranscript, ...]:
        columns = (*COLUMNS, transcripts.c.number, transcripts.c.text, _DOCUMENT.c.marks)
        source = transcripts.join(_DOCUMENT) if words else transcripts
        query = sa.select(*(columns if words else columns[:-2])).select_from(source)
        found = connection.execute(query.where(transcripts.c.number.in_(numbers))).mappings()
        rows = {row["number"]: row for row in found}
        tags = tag_names(connection, numbers)
        written = _notes(connection, numbers) if words else {}
        return tuple(
            _listed(rows[number], tags.get(number, ()), words, written.get(number, ())) for number in numbers
        )

    def _suggestion(
        self, connection: sa.Connection, owner: str, wanted: ListFilter, words: Sequence[SearchWord]
    ) -> str | None:
        """The search with its unknown words spelled as in the owner's transcripts; None if they are not."""
        suggested = wanted.words
        for word in words:
            if len(word.terms) != 1 or _exists(connection, self._numbers(owner, ListFilter(), [word])):
                continue
            known = self._indexed_spelling(connection, owner, word.terms[0])
            if known is None:
                return None
            suggested = suggested.replace(word.typed, known)
        if suggested == wanted.words:
            return None
        found = self._numbers(owner, replace(wanted, words=suggested), search_words(suggested))
        return suggested if _exists(connection, found) else None

    def _indexed_spelling(self, connection: sa.Connection, owner: str, term: str) -> str | None:
        candidates = similar_terms(term)
        if not candidates:
            return None
        found = search.matching_any(sorted(candidates), sqlite=self._database.is_sqlite)
        numbers = (
            sa.select(transcripts.c.number)
            .where(owned_by(owner, deleted=False), transcripts.c.number.in_(found))
            .order_by(*self._order("newest"))
            .limit(SPELLING_SAMPLE)
        )
        texts = sa.select(*_INDEXED[1:])
        counts: Counter[str] = Counter()
        for row in connection.execute(texts.where(_DOCUMENT.c.transcript_number.in_(numbers))):
            counts.update(candidates.intersection(" ".join(row).split()))
        return max(counts, key=lambda term: (counts[term], term)) if counts else None


def _conditions(wanted: ListFilter) -> list[sa.ColumnElement[bool]]:
    column = transcripts.c
    conditions: dict[str, Callable[[Any], sa.ColumnElement[bool]]] = {
        "created_from": lambda time: column.created >= time,
        "created_until": lambda time: column.created < time,
        "language": lambda code: column.language == code,
        "model": lambda name: column.model == name,
        "source": lambda source: column.source == source,
        "min_seconds": lambda seconds: column.duration >= seconds,
        "max_seconds": lambda seconds: column.duration <= seconds,
        "favourite": lambda is_so: column.favourite.is_(is_so),
        "edited": lambda is_so: column.revision > 0 if is_so else column.revision == 0,
        "speaker": lambda name: column.number.in_(_with_speaker(name)),
        "doubtful": lambda is_so: column.doubtful_words > 0 if is_so else column.doubtful_words == 0,
    }
    wanted_values = {name: getattr(wanted, name) for name in conditions}
    tagged = [column.number.in_(_with_tag(tag_id)) for tag_id in wanted.tags]
    return [
        *(conditions[name](value) for name, value in wanted_values.items() if value is not None),
        *tagged,
    ]


def _with_tag(tag_id: str) -> sa.Select[Any]:
    return sa.select(tagged_transcripts.c.transcript_number).where(tagged_transcripts.c.tag_id == tag_id)


def _with_speaker(name: str) -> sa.Select[Any]:
    return sa.select(speaker_names.c.transcript_number).where(speaker_names.c.name == name)


def _visible(owner: str, wanted: ListFilter) -> sa.ColumnElement[bool]:
    own = owned_by(owner, deleted=wanted.deleted)
    if wanted.shared == "no" or wanted.deleted:
        return own
    return shared_with(owner) if wanted.shared == "only" else sa.or_(own, shared_with(owner))


def _in_folder(connection: sa.Connection, owner: str, wanted: ListFilter) -> list[sa.ColumnElement[bool]]:
    if wanted.folder_id is None:
        return []
    if wanted.folder_id == NO_FOLDER:
        return [transcripts.c.folder_id.is_(None)]
    if wanted.shared != "no":  # of anybody: what may not be read is left out by `_visible`
        return [transcripts.c.folder_id.in_(sa.select(folders_and_below([wanted.folder_id]).c.id))]
    return [transcripts.c.folder_id.in_(folder_and_below(connection, owner, wanted.folder_id))]


def _behind(cursor: str) -> sa.ColumnElement[bool]:
    return sa.tuple_(transcripts.c.created, transcripts.c.id) < read_cursor(cursor)


def _count(connection: sa.Connection, query: sa.Select[Any]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one())


def _exists(connection: sa.Connection, query: sa.Select[Any]) -> bool:
    return connection.execute(query.limit(1)).first() is not None


def _notes(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, list[tuple[str, float, str]]]:
    """The notes (id, second, text) of transcripts."""
    column = notes.c
    query = sa.select(column.transcript_number, column.id, column.start, column.text)
    rows = connection.execute(query.where(column.transcript_number.in_(numbers)).order_by(column.start))
    found: dict[int, list[tuple[str, float, str]]] = {}
    for number, *note in rows:
        found.setdefault(number, []).append((note[0], note[1], note[2]))
    return found


def _listed(
    row: sa.RowMapping,
    tags: tuple[str, ...],
    words: Sequence[SearchWord],
    written: Sequence[tuple[str, float, str]],
) -> ListedTranscript:
    if not words:
        return ListedTranscript(summary_from_row(row), tags)
    pattern = pattern_of(words)
    hits = find_hits(row["text"], decode_marks(row["marks"]), pattern)
    with_notes = replace(hits, hits=(*hits.hits, *find_note_hits(written, pattern)))
    return ListedTranscript(summary_from_row(row), tags, with_notes)
