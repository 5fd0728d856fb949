"""Writes what is searched and filtered by: called in each transaction that changes a title or words."""

from collections.abc import Iterable

import sqlalchemy as sa

from whisper_appliance.core.search_terms import composed, index_text
from whisper_appliance.core.time_marks import encode_marks, time_marks
from whisper_appliance.storage.schema.library import notes, search_documents, speaker_names
from whisper_appliance.transcript.model import Transcript


def index_title(connection: sa.Connection, number: int, title_key: str) -> None:
    """Indexes a title; `title_key` is its `index_text`."""
    _write(connection, number, title=title_key)


def index_new(connection: sa.Connection, number: int, transcript: Transcript, title_key: str) -> None:
    """Indexes a transcript that was added in this transaction, so that nothing of it is there yet."""
    names = _add_speakers(connection, number, transcript)
    columns = {"title": title_key, "annotations": index_text(" ".join(names)), **_columns(transcript)}
    connection.execute(search_documents.insert().values(transcript_number=number, **columns))


def index_words(connection: sa.Connection, number: int, transcript: Transcript) -> None:
    """Indexes what was said, the names of the speakers, and the seconds of the words."""
    connection.execute(speaker_names.delete().where(speaker_names.c.transcript_number == number))
    names = _add_speakers(connection, number, transcript)
    annotations = _annotations(connection, number, names)
    _write(connection, number, annotations=annotations, **_columns(transcript))


def index_notes(connection: sa.Connection, number: int) -> None:
    """Indexes the notes of a transcript."""
    speakers = sa.select(speaker_names.c.name).where(speaker_names.c.transcript_number == number)
    names = connection.execute(speakers.order_by(speaker_names.c.name)).scalars().all()
    _write(connection, number, annotations=_annotations(connection, number, names))


def _columns(transcript: Transcript) -> dict[str, str]:
    marks = time_marks(
        (composed(segment.text), segment.start, [(composed(word.word), word.start) for word in segment.words])
        for segment in transcript.segments
    )
    return {"text": index_text(transcript.text), "marks": encode_marks(marks)}


def _add_speakers(connection: sa.Connection, number: int, transcript: Transcript) -> list[str]:
    """Adds the names of those who speak, and returns them in order."""
    names = sorted({segment.speaker for segment in transcript.segments if segment.speaker})
    if names:
        rows = [{"transcript_number": number, "name": name} for name in names]
        connection.execute(speaker_names.insert(), rows)
    return names


def _annotations(connection: sa.Connection, number: int, speakers: Iterable[str]) -> str:
    """The names of those who speak, and the notes."""
    texts = sa.select(notes.c.text).where(notes.c.transcript_number == number)
    written = connection.execute(texts.order_by(notes.c.start, notes.c.id)).scalars()
    return index_text(" ".join([*speakers, *written]))


def _write(connection: sa.Connection, number: int, **columns: str) -> None:
    same = search_documents.c.transcript_number == number
    if connection.execute(search_documents.update().where(same).values(**columns)).rowcount == 0:
        row = {"title": "", "annotations": "", "text": "", "marks": "", **columns}
        connection.execute(search_documents.insert().values(transcript_number=number, **row))
