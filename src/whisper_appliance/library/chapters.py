"""Chapters of stored transcripts: those at long pauses, until somebody changes them by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from whisper_appliance.core.errors import ChangedMeanwhile, InvalidRequest, NotFound
from whisper_appliance.core.text import one_line
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import chapters as table
from whisper_appliance.storage.schema.library import transcripts
from whisper_appliance.transcript.chapters import Chapter
from whisper_appliance.transcript.codec import from_json, to_json

MAX_CHAPTERS = 500
MAX_TITLE_CHARS = 200


@dataclass(frozen=True, slots=True)
class StoredChapters:
    """The chapters by hand; None: those at long pauses. `revision` counts the changes."""

    revision: int = 0
    chapters: tuple[Chapter, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Chapters:
    chapters: tuple[Chapter, ...]


class Chapters:
    """All chapters by hand in a database. Callers check beforehand who may do what."""

    def __init__(self, database: Database, *, announce: Callable[[str], None] = lambda _id: None) -> None:
        """`announce` gets the id of a transcript after each change of its chapters."""
        self._database = database
        self._announce = announce

    def of(self, transcript_id: str) -> StoredChapters:
        """The chapters by hand of a transcript."""
        joined = table.join(transcripts, transcripts.c.number == table.c.transcript_number)
        query = sa.select(table.c.revision, table.c.chapters).select_from(joined)
        with self._database.read() as connection:
            row = connection.execute(query.where(transcripts.c.id == transcript_id)).first()
        if row is None:
            return StoredChapters()
        return StoredChapters(row.revision, _read(row.chapters))

    def replace(
        self, transcript_id: str, chapters: Sequence[Chapter] | None, *, seen: int | None
    ) -> StoredChapters:
        """Replaces all chapters; None: those at long pauses again.

        `seen` is the revision that the caller has; None: any. Raises `ChangedMeanwhile` if it is another one,
        `NotFound` for a transcript that is gone or in the trash, `InvalidRequest` for too many chapters, two
        at the same time, and for a long title.
        """
        kept = None if chapters is None else _checked(chapters)
        this = sa.and_(transcripts.c.id == transcript_id, transcripts.c.deleted_at.is_(None))
        with self._database.write() as connection:
            locked = sa.select(transcripts.c.number).where(this).with_for_update()
            number = connection.execute(locked).scalar()
            if number is None:
                raise NotFound("There is no such transcript.")
            revision = _store(connection, number, kept, seen)
        self._announce(transcript_id)
        return StoredChapters(revision, kept)


def _store(connection: sa.Connection, number: int, kept: tuple[Chapter, ...] | None, seen: int | None) -> int:
    """Stores chapters in place of those at revision `seen`; returns their revision."""
    same = table.c.transcript_number == number
    found = connection.execute(sa.select(table.c.revision, table.c.chapters).where(same)).first()
    revision, before = (found.revision, found.chapters or "") if found else (0, "")
    if seen is not None and seen != revision:
        raise ChangedMeanwhile("Somebody else changed the chapters in the meantime.")
    body = None if kept is None else to_json(_Chapters(kept))
    values = {"revision": revision + 1, "chapters": body}
    if found:
        connection.execute(table.update().where(same).values(**values))
    else:
        connection.execute(table.insert().values(transcript_number=number, **values))
    more = len((body or "").encode("utf-8", "replace")) - len(before.encode("utf-8", "replace"))
    counted = transcripts.update().where(transcripts.c.number == number)
    connection.execute(counted.values(bytes=transcripts.c.bytes + more))
    return int(revision) + 1


def _read(body: str | None) -> tuple[Chapter, ...] | None:
    return from_json(_Chapters, body).chapters if body else None


def _checked(chapters: Sequence[Chapter]) -> tuple[Chapter, ...]:
    if len(chapters) > MAX_CHAPTERS:
        raise InvalidRequest(
            "A transcript has at most {count} chapters.", count=MAX_CHAPTERS, field="chapters"
        )
    cleaned = [Chapter(round(each.start, 3), one_line(each.title)) for each in chapters]
    cleaned.sort(key=lambda each: each.start)
    if len({each.start for each in cleaned}) < len(cleaned):
        raise InvalidRequest("Two chapters begin at the same time.", field="start")
    if any(len(each.title) > MAX_TITLE_CHARS for each in cleaned):
        raise InvalidRequest(
            "The title of a chapter has at most {count} characters.", count=MAX_TITLE_CHARS, field="title"
        )
    return tuple(cleaned)
