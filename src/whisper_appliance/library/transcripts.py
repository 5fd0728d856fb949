"""Every transcript the appliance has made: kept, listed, found, renamed, thrown away and brought back."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.library import search
from whisper_appliance.library.transcript_rows import (
    COLUMNS,
    NO_OWNER,
    TranscriptSummary,
    TranscriptCreated,
    OnCreated,
    TranscriptPage,
    StoredTranscript,
    summary_from_row,
    insert,
    is_kept,
    new_id,
    owned_by,
    clean_title,
    read_cursor,
    ignore,
    visible_to,
)
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import transcripts
from whisper_appliance.transcript.codec import from_json
from whisper_appliance.transcript.model import Transcript

MAX_PAGE_SIZE = 200
IDS_PER_QUERY = 500


class TranscriptRepository:
    """The transcripts in a database. What belongs to nobody can be had by everybody who knows its id.

    Every method that takes an id raises `NotFound` for what is not there or belongs to somebody else.
    """

    def __init__(
        self,
        database: Database,
        *,
        audio_folder: Path | None = None,
        clock: Clock = now,
        on_created: OnCreated = ignore,
    ) -> None:
        """`audio_folder` is where kept recordings lie, each under the id of its transcript.

        `on_made` is told of what `keep` keeps, in the same transaction.
        """
        self._on_made = on_created
        self._database = database
        self._audio_folder = audio_folder
        self._clock = clock

    def add(self, transcript: Transcript, *, title: str, owner: str = NO_OWNER, source: str = "upload") -> str:
        """Keeps a transcript that no job made; returns its id."""
        id, created = new_id(), self._now()
        with self._database.write() as connection:
            insert(connection, transcript, id=id, owner=owner, title=title, source=source, created=created)
        return id

    def save_once(
        self, id: str, transcript: Transcript, *, title: str, owner: str, source: str, key_id: str = ""
    ) -> None:
        """Keeps a transcript under an id of the caller's, once however often it is said."""
        with self._database.write() as connection:
            if not is_kept(connection, id):
                self._on_made(connection, TranscriptCreated(owner, key_id, transcript))
                insert(
                    connection,
                    transcript,
                    id=id,
                    owner=owner,
                    title=title,
                    source=source,
                    created=self._now(),
                )

    def get(self, id: str, owner: str) -> StoredTranscript:
        """One transcript, whole."""
        question = sa.select(*COLUMNS, transcripts.c.body, transcripts.c.live_body).where(visible_to(id, owner))
        with self._database.read() as connection:
            row = connection.execute(question).mappings().first()
        if row is None:
            raise _not_found()
        live = from_json(Transcript, row["live_body"]) if row["live_body"] else None
        return StoredTranscript(summary_from_row(row), from_json(Transcript, row["body"]), live)

    def metadata(self, id: str, *, deleted: bool | None = False) -> TranscriptSummary:
        """What is known of a transcript, whosever it is, for the one who decides who may have it.

        `deleted` tells where to look: True is the trash, None both.
        """
        question = sa.select(*COLUMNS).where(transcripts.c.id == id)
        with self._database.read() as connection:
            row = connection.execute(question).mappings().first()
        if row is None or (deleted is not None and deleted != (row["deleted_at"] is not None)):
            raise _not_found()
        return summary_from_row(row)

    def summaries(self, ids: Sequence[str]) -> tuple[TranscriptSummary, ...]:
        """Those of these transcripts that are there and not in the trash, whosever they are."""
        question = sa.select(*COLUMNS).where(transcripts.c.id.in_(ids), transcripts.c.deleted_at.is_(None))
        with self._database.read() as connection:
            return tuple(summary_from_row(row) for row in connection.execute(question).mappings())

    def purged_among(self, ids: Iterable[str]) -> set[str]:
        """Those of these transcripts that are gone for good."""
        asked = sorted(set(ids))
        there: set[str] = set()
        with self._database.read() as connection:
            for start in range(0, len(asked), IDS_PER_QUERY):
                some = transcripts.c.id.in_(asked[start : start + IDS_PER_QUERY])
                there.update(connection.execute(sa.select(transcripts.c.id).where(some)).scalars())
        return set(asked) - there

    def page(
        self,
        owner: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        deleted: bool = False,
        words: str = "",
    ) -> TranscriptPage:
        """The owner's transcripts, newest first, page by page; with words, only those that have them all.

        Raises `InvalidRequest` for a cursor that was not ours.
        """
        limit = max(1, min(limit, MAX_PAGE_SIZE))
        newest_first = (transcripts.c.created.desc(), transcripts.c.id.desc())
        question = sa.select(*COLUMNS).where(owned_by(owner, deleted=deleted)).order_by(*newest_first)
        if cursor:
            before = sa.tuple_(transcripts.c.created, transcripts.c.id) < read_cursor(cursor)
            question = question.where(before)
        if words.strip():
            matching = search.search_query(words, sqlite=self._database.is_sqlite)
            question = question.where(transcripts.c.number.in_(matching.numbers) if matching else sa.false())
        with self._database.read() as connection:
            entries = tuple(summary_from_row(row) for row in connection.execute(question.limit(limit + 1)).mappings())
        return TranscriptPage(entries[:limit], entries[limit - 1].cursor if len(entries) > limit else None)

    def snippets(self, ids: Sequence[str], words: str) -> dict[str, tuple[str, ...]]:
        """Where some of these transcripts have all the words: every second piece of a snippet is a hit."""
        matching = search.search_query(words, sqlite=self._database.is_sqlite)
        if matching is None or not ids:
            return {}
        these = sa.select(transcripts.c.number, transcripts.c.id).where(transcripts.c.id.in_(ids))
        number = matching.snippets.selected_columns[0]
        with self._database.read() as connection:
            names = {row.number: row.id for row in connection.execute(these)}
            found = connection.execute(matching.snippets.where(number.in_(list(names)))).all()
        return {names[row[0]]: search.split_at_hits(row[1]) for row in found}

    def rename(self, id: str, owner: str, title: str) -> None:
        """Gives a transcript another title. Raises `InvalidRequest` for an empty one."""
        title = clean_title(title)
        if not title:
            raise InvalidRequest("A title needs at least one visible character.", field="title")
        self._change(visible_to(id, owner), title=title)

    def delete(self, id: str, owner: str) -> None:
        """Puts a transcript into the trash, from where `restore` brings it back until it is purged."""
        self._change(visible_to(id, owner), deleted_at=self._now())

    def restore(self, id: str, owner: str) -> None:
        """Brings a transcript back from the trash."""
        self._change(visible_to(id, owner, deleted=True), deleted_at=None)

    def purge(self, trash_days: int) -> int:
        """Removes for good, with its audio, what has been in the trash for so many days; returns how many."""
        limit = written(self._clock() - timedelta(days=trash_days))
        return self._remove(transcripts.c.deleted_at <= limit)

    def empty_trash(self, owner: str) -> int:
        """Removes for good, with its audio, what this owner has in the trash; returns how many."""
        return self._remove(owned_by(owner, deleted=True))

    def audio(self, id: str, owner: str) -> Path | None:
        """The recording of a transcript, where it was kept."""
        self.get(id, owner)
        path = self._audio_folder / id if self._audio_folder else None
        return path if path and path.is_file() else None

    def _remove(self, which: sa.ColumnElement[bool]) -> int:
        with self._database.write() as connection:
            removed = transcripts.delete().where(which).returning(transcripts.c.id)
            gone = connection.execute(removed).scalars().all()
        for id in gone:
            if self._audio_folder:
                (self._audio_folder / id).unlink(missing_ok=True)
        return len(gone)

    def _change(self, which: sa.ColumnElement[bool], **values: str | None) -> None:
        with self._database.write() as connection:
            if connection.execute(transcripts.update().where(which).values(**values)).rowcount == 0:
                raise _not_found()

    def _now(self) -> str:
        return written(self._clock())


def _not_found() -> NotFound:
    return NotFound("There is no such transcript.")
