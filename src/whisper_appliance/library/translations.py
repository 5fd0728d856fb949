"""Translations into English that stand beside the transcripts of their recordings, one for each at most."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from whisper_appliance.core.errors import NotFound
from whisper_appliance.storage.database import Connection, Database
from whisper_appliance.storage.schema.jobs import UNFINISHED, jobs, windows
from whisper_appliance.storage.schema.library import transcripts
from whisper_appliance.storage.schema.library import translations as table
from whisper_appliance.transcript.codec import from_json, to_json
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.times import with_valid_times


@dataclass(frozen=True, slots=True)
class StoredTranslation:
    """A translation, and when it was made (UTC, ISO 8601)."""

    created: str
    transcript: Transcript


class Translations:
    """All translations in a database. Callers check beforehand who may do what."""

    def __init__(self, database: Database, *, announce: Callable[[str], None] = lambda _id: None) -> None:
        """`announce` gets the id of a transcript whose translation was deleted."""
        self._database = database
        self._announce = announce

    def of(self, transcript_id: str) -> StoredTranslation | None:
        """The translation of a transcript, with valid times; None if there is none."""
        query = sa.select(table.c.created, table.c.body).select_from(_JOINED)
        with self._database.read() as connection:
            row = connection.execute(query.where(transcripts.c.id == transcript_id)).first()
        if row is None:
            return None
        return StoredTranslation(row.created, with_valid_times(from_json(Transcript, row.body)))

    def created(self, transcript_id: str) -> str | None:
        """When the translation of a transcript was made, None if there is none."""
        query = sa.select(table.c.created).select_from(_JOINED).where(transcripts.c.id == transcript_id)
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def delete(self, transcript_id: str) -> None:
        """Deletes a translation. Raises `NotFound` if there is none, or no such transcript."""
        with self._database.write() as connection:
            number = _number(connection, transcript_id)
            if number is None or not _remove(connection, number):
                raise NotFound("This transcript has no translation.")
        self._announce(transcript_id)


_JOINED = table.join(transcripts, transcripts.c.number == table.c.transcript_number)


def store_translation(
    connection: Connection, transcript_id: str, translation: Transcript, created: str
) -> None:
    """Stores a translation in place of the one before, in the caller's transaction; also in the trash.

    Raises `NotFound` if the transcript was deleted for good.
    """
    number = _number(connection, transcript_id)
    if number is None:
        raise NotFound("The transcript was deleted before its translation was ready.")
    _remove(connection, number)
    body = to_json(translation)
    connection.execute(table.insert().values(transcript_number=number, created=created, body=body))
    _count_bytes(connection, number, _bytes(body))


def cancel_translation_jobs(
    connection: Connection, condition: sa.ColumnElement[bool], moment: str
) -> tuple[str, ...]:
    """Before transcripts are deleted for good: ends the jobs that translate them, in the same transaction.

    Returns the paths of their uploads, also of those that had failed; they hold the words or the recording.
    """
    translates = jobs.c.translation_of.in_(sa.select(transcripts.c.id).where(condition))
    cancelled = {"status": "cancelled", "cancel_requested": True, "finished": moment}
    ending = jobs.update().where(translates, jobs.c.status.in_(UNFINISHED)).values(cancelled)
    ended = connection.execute(ending.returning(jobs.c.id)).scalars().all()
    connection.execute(windows.delete().where(windows.c.job_id.in_(ended)))
    return tuple(connection.execute(sa.select(jobs.c.audio).where(translates)).scalars())


def remove_jobs_of_others(connection: Connection, owner: str) -> tuple[str, ...]:
    """Deletes the jobs with which an owner translates transcripts of others; returns their uploads' paths."""
    own = sa.select(transcripts.c.id).where(transcripts.c.owner == owner)
    translates = jobs.c.translation_of.is_not(None)  # NULL is in no set, and not in an empty one
    foreign = sa.and_(jobs.c.owner == owner, translates, jobs.c.translation_of.not_in(own))
    return tuple(connection.execute(jobs.delete().where(foreign).returning(jobs.c.audio)).scalars())


def _number(connection: Connection, transcript_id: str) -> int | None:
    """The number of a transcript, whose row is locked until the transaction ends."""
    query = sa.select(transcripts.c.number).where(transcripts.c.id == transcript_id).with_for_update()
    number: int | None = connection.execute(query).scalar()
    return number


def _remove(connection: Connection, number: int) -> bool:
    removing = table.delete().where(table.c.transcript_number == number).returning(table.c.body)
    body = connection.execute(removing).scalar()
    if body is None:
        return False
    _count_bytes(connection, number, -_bytes(body))
    return True


def _count_bytes(connection: Connection, number: int, more: int) -> None:
    """Translations count as storage of the transcript's owner."""
    row = transcripts.update().where(transcripts.c.number == number)
    connection.execute(row.values(bytes=transcripts.c.bytes + more))


def _bytes(body: str) -> int:
    return len(body.encode("utf-8", "replace"))
