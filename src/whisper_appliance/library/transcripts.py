"""The transcript repository: store, page, search, rename, delete, restore and purge transcripts."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import InvalidRequest, NotFound, PreconditionFailed
from whisper_appliance.core.ids import new_id
from whisper_appliance.library import search
from whisper_appliance.library.recordings import remove_files
from whisper_appliance.library.transcript_rows import (
    COLUMNS,
    NO_OWNER,
    NewTranscript,
    OnCreated,
    StoredTranscript,
    TranscriptCreated,
    TranscriptPage,
    TranscriptSummary,
    clean_title,
    exists,
    ignore,
    insert,
    owned_by,
    read_cursor,
    summary_from_row,
    visible_to,
)
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import transcripts
from whisper_appliance.transcript.codec import from_json
from whisper_appliance.transcript.model import Transcript

MAX_PAGE_SIZE = 200
IDS_PER_QUERY = 500


class TranscriptRepository:
    """All transcripts in a database. A transcript without an owner is visible to everybody who has its id.

    Methods with an id raise `NotFound` if there is no such transcript, or if it belongs to another owner.
    """

    def __init__(
        self,
        database: Database,
        *,
        audio_folder: Path | None = None,
        clock: Clock = now,
        on_created: OnCreated = ignore,
    ) -> None:
        """`audio_folder` holds the archived recordings, each named by the id of its transcript.

        `on_created` is called by `save_once`, in the transaction that stores the transcript.
        """
        self._on_created = on_created
        self._database = database
        self._audio_folder = audio_folder
        self._clock = clock

    def add(
        self,
        transcript: Transcript,
        *,
        title: str,
        owner: str = NO_OWNER,
        source: str = "upload",
        created: str = "",
    ) -> str:
        """Stores a transcript that no job made; returns its id. It is `created` now, or then."""
        now = self._now()
        new = NewTranscript(new_id(), owner, title, source, min(created or now, now))
        with self._database.write() as connection:
            insert(connection, transcript, new)
        return new.id

    def save_once(
        self,
        transcript_id: str,
        transcript: Transcript,
        *,
        title: str,
        owner: str,
        source: str,
        key_id: str = "",
    ) -> None:
        """Stores a transcript under the caller's id, unless there is one with this id (idempotent)."""
        with self._database.write() as connection:
            if not exists(connection, transcript_id):
                self._on_created(connection, TranscriptCreated(owner, key_id, transcript))
                new = NewTranscript(transcript_id, owner, title, source, self._now())
                insert(connection, transcript, new)

    def get(self, transcript_id: str, owner: str) -> StoredTranscript:
        """Returns one whole transcript."""
        query = sa.select(*COLUMNS, transcripts.c.body, transcripts.c.live_body).where(
            visible_to(transcript_id, owner)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise _not_found()
        live = from_json(Transcript, row["live_body"]) if row["live_body"] else None
        return StoredTranscript(summary_from_row(row), from_json(Transcript, row["body"]), live)

    def metadata(self, transcript_id: str, *, deleted: bool | None = False) -> TranscriptSummary:
        """Returns a transcript of any owner without its segments, for the caller's access check.

        `deleted`: True finds it in the trash only, False outside the trash only, None anywhere.
        """
        query = sa.select(*COLUMNS).where(transcripts.c.id == transcript_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None or (deleted is not None and deleted != (row["deleted_at"] is not None)):
            raise _not_found()
        return summary_from_row(row)

    def summaries(self, ids: Sequence[str]) -> tuple[TranscriptSummary, ...]:
        """Returns the transcripts with these ids that are not in the trash, of any owner."""
        query = sa.select(*COLUMNS).where(transcripts.c.id.in_(ids), transcripts.c.deleted_at.is_(None))
        with self._database.read() as connection:
            return tuple(summary_from_row(row) for row in connection.execute(query).mappings())

    def purged_among(self, ids: Iterable[str]) -> set[str]:
        """Returns the ids among these whose transcripts do not exist any more."""
        candidates = sorted(set(ids))
        found: set[str] = set()
        with self._database.read() as connection:
            for start in range(0, len(candidates), IDS_PER_QUERY):
                batch = transcripts.c.id.in_(candidates[start : start + IDS_PER_QUERY])
                found.update(connection.execute(sa.select(transcripts.c.id).where(batch)).scalars())
        return set(candidates) - found

    def page(
        self,
        owner: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        deleted: bool = False,
        words: str = "",
    ) -> TranscriptPage:
        """Returns a page of the owner's transcripts, newest first; with words, only those that have them all.

        Raises `InvalidRequest` for an invalid cursor.
        """
        limit = max(1, min(limit, MAX_PAGE_SIZE))
        newest_first = (transcripts.c.created.desc(), transcripts.c.id.desc())
        query = sa.select(*COLUMNS).where(owned_by(owner, deleted=deleted)).order_by(*newest_first)
        if cursor:
            before = sa.tuple_(transcripts.c.created, transcripts.c.id) < read_cursor(cursor)
            query = query.where(before)
        if words.strip():
            matching = search.search_query(words, sqlite=self._database.is_sqlite)
            query = query.where(transcripts.c.number.in_(matching.numbers) if matching else sa.false())
        with self._database.read() as connection:
            entries = tuple(
                summary_from_row(row) for row in connection.execute(query.limit(limit + 1)).mappings()
            )
        return TranscriptPage(entries[:limit], entries[limit - 1].cursor if len(entries) > limit else None)

    def snippets(self, ids: Sequence[str], words: str) -> dict[str, tuple[str, ...]]:
        """Returns snippets by transcript id, of those with all the words; every second part is a hit."""
        matching = search.search_query(words, sqlite=self._database.is_sqlite)
        if matching is None or not ids:
            return {}
        numbered = sa.select(transcripts.c.number, transcripts.c.id).where(transcripts.c.id.in_(ids))
        number = matching.snippets.selected_columns[0]
        with self._database.read() as connection:
            names = {row.number: row.id for row in connection.execute(numbered)}
            found = connection.execute(matching.snippets.where(number.in_(list(names)))).all()
        return {names[row[0]]: search.split_at_hits(row[1]) for row in found}

    def rename(self, transcript_id: str, owner: str, title: str, *, seen: str | None = None) -> None:
        """Changes the title of a transcript. Raises `InvalidRequest` for an empty title.

        `seen` is the title that the caller wants to replace: raises `PreconditionFailed` if it is another.
        """
        title = clean_title(title)
        if not title:
            raise InvalidRequest("A title needs at least one visible character.", field="title")
        if seen is None:
            return self._change(visible_to(transcript_id, owner), title=title)
        this = sa.and_(visible_to(transcript_id, owner), transcripts.c.title == seen)
        try:
            return self._change(this, title=title)
        except NotFound:
            raise PreconditionFailed(
                "Somebody else has changed this in the meantime. Load it again, then repeat your change.",
                field="If-Match",
            ) from None

    def delete(self, transcript_id: str, owner: str) -> None:
        """Moves a transcript to the trash; `restore` moves it back until it is purged."""
        self._change(visible_to(transcript_id, owner), deleted_at=self._now())

    def restore(self, transcript_id: str, owner: str) -> None:
        """Moves a transcript out of the trash."""
        self._change(visible_to(transcript_id, owner, deleted=True), deleted_at=None)

    def purge(self, trash_days: int) -> int:
        """Deletes transcripts that were in the trash for so many days, with audio; returns their number."""
        limit = written(self._clock() - timedelta(days=trash_days))
        return self._remove(transcripts.c.deleted_at <= limit)

    def empty_trash(self, owner: str) -> int:
        """Deletes the owner's transcripts in the trash, with audio; returns their number."""
        return self._remove(owned_by(owner, deleted=True))

    def audio(self, transcript_id: str, owner: str) -> Path | None:
        """Returns the archived recording of a transcript, None if there is none."""
        self.get(transcript_id, owner)
        path = self._audio_folder / transcript_id if self._audio_folder else None
        return path if path and path.is_file() else None

    def _remove(self, condition: sa.ColumnElement[bool]) -> int:
        with self._database.write() as connection:
            removed = transcripts.delete().where(condition).returning(transcripts.c.id)
            deleted_ids = connection.execute(removed).scalars().all()
        if self._audio_folder:
            remove_files(self._audio_folder, deleted_ids)
        return len(deleted_ids)

    def _change(self, condition: sa.ColumnElement[bool], **values: str | None) -> None:
        with self._database.write() as connection:
            if connection.execute(transcripts.update().where(condition).values(**values)).rowcount == 0:
                raise _not_found()

    def _now(self) -> str:
        return written(self._clock())


def _not_found() -> NotFound:
    return NotFound("There is no such transcript.")
