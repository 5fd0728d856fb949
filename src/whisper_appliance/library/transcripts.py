"""The transcript repository: store, page, search, rename, delete, restore and purge transcripts."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import InvalidRequest, NotFound, PreconditionFailed
from whisper_appliance.core.ids import new_id
from whisper_appliance.core.search_terms import index_text
from whisper_appliance.library.listing import ListFilter, ListRange, TranscriptListing
from whisper_appliance.library.recordings import remove_files
from whisper_appliance.library.search_index import index_title
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
    summary_from_row,
    visible_to,
)
from whisper_appliance.library.translations import cancel_translation_jobs
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import transcripts
from whisper_appliance.transcript.codec import from_json
from whisper_appliance.transcript.model import Transcript

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
        """`audio_folder`, beside the uploads, holds the archived recordings, named by their transcripts' ids.

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
        with self._database.write(exclusive=f"transcript {transcript_id}") as connection:
            if not exists(connection, transcript_id):
                self._on_created(connection, TranscriptCreated(transcript_id, owner, key_id, transcript))
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
        part = ListRange(limit=limit, cursor=cursor)
        found = TranscriptListing(self._database).find(owner, ListFilter(words, deleted), part=part)
        return TranscriptPage(tuple(each.summary for each in found.transcripts), found.next_cursor)

    def rename(self, transcript_id: str, owner: str, title: str, *, seen: str | None = None) -> None:
        """Changes the title of a transcript. Raises `InvalidRequest` for an empty title.

        `seen` is the title that the caller wants to replace: raises `PreconditionFailed` if it is another.
        """
        title = clean_title(title)
        if not title:
            raise InvalidRequest("A title needs at least one visible character.", field="title")
        this = visible_to(transcript_id, owner)
        renaming = transcripts.update().where(this if seen is None else this & (transcripts.c.title == seen))
        title_key = index_text(title)
        renamed = renaming.values(title=title, title_key=title_key).returning(transcripts.c.number)
        with self._database.write() as connection:
            number = connection.execute(renamed).scalar()
            if number is not None:
                return index_title(connection, number, title_key)
        if seen is None:
            raise _not_found()
        raise PreconditionFailed(
            "Somebody else has changed this in the meantime. Load it again, then repeat your change.",
            field="If-Match",
        )

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
            uploads = cancel_translation_jobs(connection, condition, self._now())
            removed = transcripts.delete().where(condition).returning(transcripts.c.id)
            deleted_ids = connection.execute(removed).scalars().all()
        if self._audio_folder:
            remove_files(self._audio_folder, deleted_ids)
            for name in uploads:
                (self._audio_folder.parent / name).unlink(missing_ok=True)
        return len(deleted_ids)

    def _change(self, condition: sa.ColumnElement[bool], **values: str | None) -> None:
        with self._database.write() as connection:
            if connection.execute(transcripts.update().where(condition).values(**values)).rowcount == 0:
                raise _not_found()

    def _now(self) -> str:
        return written(self._clock())


def _not_found() -> NotFound:
    return NotFound("There is no such transcript.")
