"""Notes at a second of a recording, by anybody who may comment on its transcript; search finds them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound
from whisper_appliance.core.ids import new_id
from whisper_appliance.library.search_index import index_notes
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import notes, transcripts

MAX_NOTE_CHARS = 2000
MAX_NOTES_PER_TRANSCRIPT = 1000


@dataclass(frozen=True, slots=True)
class StoredNote:
    """A note; `start` is in seconds of the recording, `changed` is None for one as it was written."""

    id: str
    author: str
    """Id of a user or visitor; empty where nobody is known."""
    start: float
    text: str
    created: str
    changed: str | None = None


class Notes:
    """All notes in a database. Callers check beforehand who may do what.

    Methods raise `NotFound` for a note that is not there, and for a transcript that is gone or in the trash.
    """

    def __init__(
        self, database: Database, *, clock: Clock = now, announce: Callable[[str], None] = lambda _id: None
    ) -> None:
        """`announce` gets the id of a transcript after each change of its notes."""
        self._database = database
        self._clock = clock
        self._announce = announce

    def of(self, transcript_id: str) -> tuple[StoredNote, ...]:
        """The notes of a transcript, in the order of their seconds."""
        joined = notes.join(transcripts, transcripts.c.number == notes.c.transcript_number)
        query = sa.select(*_COLUMNS).select_from(joined).where(transcripts.c.id == transcript_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(notes.c.start, notes.c.created, notes.c.id))
            return tuple(StoredNote(**row) for row in rows.mappings())

    def get(self, transcript_id: str, note_id: str) -> StoredNote:
        """One note."""
        with self._database.read() as connection:
            number, _ = _transcript(connection, transcript_id)
            return _note(connection, number, note_id)

    def add(self, transcript_id: str, start: float, text: str, *, author: str) -> StoredNote:
        """Writes a note at a second, or at the end if the recording ends before.

        Raises `InvalidRequest` for an empty one, `Conflict` for too many.
        """
        made = StoredNote(new_id(), author, start, _checked(text), written(self._clock()))
        with self._database.write() as connection:
            number, duration = _transcript(connection, transcript_id)
            count = sa.select(sa.func.count()).where(notes.c.transcript_number == number)
            if connection.execute(count).scalar_one() >= MAX_NOTES_PER_TRANSCRIPT:
                raise Conflict(
                    "This transcript has {count} notes, which is the most. Delete one first.",
                    count=MAX_NOTES_PER_TRANSCRIPT,
                )
            made = replace(made, start=min(start, duration))
            row = {name: getattr(made, name) for name in StoredNote.__slots__}
            connection.execute(notes.insert().values(transcript_number=number, **row))
            _count_bytes(connection, number, made.text, "")
        self._announce(transcript_id)
        return made

    def change(self, transcript_id: str, note_id: str, *, start: float, text: str) -> StoredNote:
        """Replaces the second and the text of a note. Raises `InvalidRequest` for an empty text."""
        text, changed = _checked(text), written(self._clock())
        with self._database.write() as connection:
            number, duration = _transcript(connection, transcript_id)
            before = _note(connection, number, note_id)
            made = replace(before, start=min(start, duration), text=text, changed=changed)
            values = {"start": made.start, "text": text, "changed": changed}
            connection.execute(notes.update().where(notes.c.id == note_id).values(**values))
            _count_bytes(connection, number, text, before.text)
        self._announce(transcript_id)
        return made

    def delete(self, transcript_id: str, note_id: str) -> None:
        """Deletes a note."""
        with self._database.write() as connection:
            number, _ = _transcript(connection, transcript_id)
            before = _note(connection, number, note_id)
            connection.execute(notes.delete().where(notes.c.id == note_id))
            _count_bytes(connection, number, "", before.text)
        self._announce(transcript_id)


_COLUMNS = tuple(notes.c[name] for name in StoredNote.__slots__)


def _transcript(connection: sa.Connection, transcript_id: str) -> tuple[int, float]:
    """The number and the duration of a transcript, whose row is locked until the transaction ends."""
    this = sa.and_(transcripts.c.id == transcript_id, transcripts.c.deleted_at.is_(None))
    query = sa.select(transcripts.c.number, transcripts.c.duration).where(this).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        raise NotFound("There is no such transcript.")
    return row.number, row.duration


def _note(connection: sa.Connection, number: int, note_id: str) -> StoredNote:
    query = sa.select(*_COLUMNS).where(notes.c.id == note_id, notes.c.transcript_number == number)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("There is no such note; it may have been deleted already.")
    return StoredNote(**row)


def _count_bytes(connection: sa.Connection, number: int, text: str, before: str) -> None:
    """Notes count as storage of the transcript's owner."""
    more = len(text.encode("utf-8")) - len(before.encode("utf-8"))
    row = transcripts.update().where(transcripts.c.number == number)
    connection.execute(row.values(bytes=transcripts.c.bytes + more))
    index_notes(connection, number)


def _checked(text: str) -> str:
    """The text in lines, without invisible characters. Raises `InvalidRequest` if it is empty or too long."""
    visible = "".join(char if char.isprintable() else "\n" if char == "\n" else " " for char in text)
    lines = [line.rstrip() for line in visible.strip().split("\n")]
    kept = [line for place, line in enumerate(lines) if line or lines[place - 1]]
    if not any(kept):
        raise InvalidRequest("A note needs at least one visible character.", field="text")
    joined = "\n".join(kept)
    if len(joined) > MAX_NOTE_CHARS:
        raise InvalidRequest("A note has at most {count} characters.", count=MAX_NOTE_CHARS, field="text")
    return joined
