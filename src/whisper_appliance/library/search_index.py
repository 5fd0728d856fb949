"""Writes what is searched and filtered by: called in each transaction that changes a title or words."""

import sqlalchemy as sa

from whisper_appliance.core.search_terms import composed, index_text
from whisper_appliance.core.time_marks import encode_marks, time_marks
from whisper_appliance.storage.schema.library import search_documents, speaker_names
from whisper_appliance.transcript.model import Transcript


def index_title(connection: sa.Connection, number: int, title_key: str) -> None:
    """Indexes a title; `title_key` is its `index_text`."""
    _write(connection, number, title=title_key)


def index_words(connection: sa.Connection, number: int, transcript: Transcript, **title: str) -> None:
    """Indexes what was said, the names of the speakers, and the seconds of the words; `title` as well."""
    marks = time_marks(
        (composed(segment.text), segment.start, [(composed(word.word), word.start) for word in segment.words])
        for segment in transcript.segments
    )
    speakers = dict.fromkeys(segment.speaker for segment in transcript.segments if segment.speaker)
    connection.execute(speaker_names.delete().where(speaker_names.c.transcript_number == number))
    if speakers:
        rows = [{"transcript_number": number, "name": name} for name in speakers]
        connection.execute(speaker_names.insert(), rows)
    _write(
        connection,
        number,
        text=index_text(transcript.text),
        annotations=index_text(" ".join(speakers)),
        marks=encode_marks(marks),
        **title,
    )


def _write(connection: sa.Connection, number: int, **columns: str) -> None:
    same = search_documents.c.transcript_number == number
    if connection.execute(search_documents.update().where(same).values(**columns)).rowcount == 0:
        row = {"title": "", "annotations": "", "text": "", "marks": "", **columns}
        connection.execute(search_documents.insert().values(transcript_number=number, **row))
