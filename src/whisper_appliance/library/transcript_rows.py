"""The rows of transcripts: summaries, titles, cursors of pages, and the condition for visibility."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

import sqlalchemy as sa

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.ids import ID_PATTERN
from whisper_appliance.core.search_terms import index_text
from whisper_appliance.core.text import one_line
from whisper_appliance.library.revision_rows import offer_as_version
from whisper_appliance.library.search_index import index_new, index_words
from whisper_appliance.storage.schema.library import transcripts
from whisper_appliance.transcript.codec import to_json
from whisper_appliance.transcript.model import Transcript

NO_OWNER = ""
FILING = "filing"
"""What changes folders or tags, or gives them to transcripts, runs one after the other."""
MAX_TITLE_CHARS = 200
PREVIEW_CHARS = 240
LOW_PROBABILITY = 0.4
"""The engine is not sure of words below; the page of a transcript marks them."""
CURSOR = re.compile(rf"(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z)_({ID_PATTERN})")


@dataclass(frozen=True, slots=True)
class TranscriptSummary:
    """A transcript without its segments; `preview` is the beginning of its text."""

    id: str
    owner: str
    title: str
    created: str
    source: str
    language: str
    language_probability: float
    duration: float
    model: str
    task: str
    processing_seconds: float
    job_id: str | None
    deleted_at: str | None
    doubtful_words: int
    favourite: bool
    folder_id: str | None
    revision: int
    """The number of changes of its text; 0 for what the machine wrote."""
    preview: str

    @property
    def cursor(self) -> str:
        """The cursor of the page that follows a page ending with this transcript."""
        return f"{self.created}_{self.id}"


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """A whole transcript; `live` is its live version, if a live session made it first."""

    summary: TranscriptSummary
    transcript: Transcript
    live: Transcript | None = None


@dataclass(frozen=True, slots=True)
class TranscriptPage:
    """Some transcripts, newest first, and the cursor of the next page."""

    summaries: tuple[TranscriptSummary, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class TranscriptCreated:
    """A new transcript by its id, with the id of the API key of its request, if any.

    `again`: it replaces the live version of the same recording.
    """

    id: str
    owner: str
    key_id: str
    transcript: Transcript
    again: bool = False


OnCreated = Callable[[sa.Connection, TranscriptCreated], None]
"""Called in the transaction that stores the transcript, so that what it writes is committed with it."""


def ignore(_connection: sa.Connection, _created: TranscriptCreated) -> None:
    """The hook that does nothing."""


@dataclass(frozen=True, slots=True)
class NewTranscript:
    """The columns of a new row that are not in the transcript itself."""

    id: str
    owner: str
    title: str
    source: str
    created: str
    job_id: str | None = None
    content_digest: str | None = None


COLUMNS: tuple[sa.ColumnElement[Any], ...] = (
    *(transcripts.c[name] for name in TranscriptSummary.__slots__ if name != "preview"),
    sa.func.substr(transcripts.c.text, 1, PREVIEW_CHARS).label("preview"),
)


def clean_title(text: str) -> str:
    """Returns one line of visible characters, cut to the longest title."""
    return one_line(text)[:MAX_TITLE_CHARS]


def title_from_file_name(filename: str) -> str:
    """Returns the title of a recording that has none: its file name without folder and extension."""
    return clean_title(PurePath(filename.replace("\\", "/")).stem) or "Recording"


def insert(connection: sa.Connection, transcript: Transcript, new: NewTranscript) -> None:
    """Adds a transcript in the caller's transaction."""
    title_key = index_text(new.title)
    adding = transcripts.insert().values(**asdict(new), title_key=title_key, **body_columns(transcript))
    number = connection.execute(adding.returning(transcripts.c.number)).scalar_one()
    index_new(connection, number, transcript, title_key)


def replace_live_version(connection: sa.Connection, transcript: Transcript, job_id: str) -> bool:
    """Replaces the live transcript whose id is `job_id`, and keeps it as the live version.

    A live transcript that was edited stays as it is, and the other becomes a version of it that can be
    restored. Returns False if there is no live transcript.
    """
    edits = sa.select(transcripts.c.revision).where(transcripts.c.id == job_id).with_for_update()
    revision = connection.execute(edits).scalar()
    if revision is None:
        return False
    if revision:
        offer_as_version(connection, transcript, job_id, revision)
        return True
    row = transcripts.update().where(transcripts.c.id == job_id)
    columns = body_columns(transcript)
    columns["bytes"] = transcripts.c.bytes + columns["bytes"]
    replacement = row.values(live_body=transcripts.c.body, job_id=job_id, **columns)
    number = connection.execute(replacement.returning(transcripts.c.number)).scalar_one()
    index_words(connection, number, transcript)
    return True


def exists(connection: sa.Connection, transcript_id: str) -> bool:
    """Returns whether there is a transcript with this id, in the trash too."""
    query = sa.select(transcripts.c.number).where(transcripts.c.id == transcript_id)
    return connection.execute(query).first() is not None


def find_by_content(connection: sa.Connection, owner: str, digest: str) -> tuple[str, float] | None:
    """The id and the duration of the owner's newest transcript with this digest, None if there is none."""
    column = transcripts.c
    query = sa.select(column.id, column.duration).where(
        owned_by(owner, deleted=False), column.content_digest == digest
    )
    row = connection.execute(query.order_by(column.number.desc()).limit(1)).first()
    return (row[0], row[1]) if row else None


def doubtful_words(transcript: Transcript) -> int:
    """The number of words that the engine is not sure of."""
    return sum(word.probability < LOW_PROBABILITY for each in transcript.segments for word in each.words)


def body_columns(transcript: Transcript) -> dict[str, Any]:
    """The columns of a row that its transcript decides."""
    text = transcript.text.replace("\x00", "")  # PostgreSQL has no NUL in text
    body = to_json(transcript)
    return {
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "duration": transcript.duration,
        "model": transcript.model,
        "task": transcript.task,
        "processing_seconds": transcript.processing_seconds,
        "doubtful_words": doubtful_words(transcript),
        "text": text,
        "body": body,
        "bytes": len(text.encode("utf-8", "replace")) + len(body.encode("utf-8", "replace")),
    }


def summary_from_row(row: sa.RowMapping) -> TranscriptSummary:
    """Converts a row of `COLUMNS`."""
    return TranscriptSummary(**{name: row[name] for name in TranscriptSummary.__slots__})


def visible_to(transcript_id: str, owner: str, *, deleted: bool = False) -> sa.ColumnElement[bool]:
    """Matches a transcript if this owner may see it: it is theirs, or it has no owner."""
    return sa.and_(
        transcripts.c.id == transcript_id, transcripts.c.owner.in_((NO_OWNER, owner)), _in_trash(deleted)
    )


def owned_by(owner: str, *, deleted: bool) -> sa.ColumnElement[bool]:
    """Matches all transcripts of an owner; none for `NO_OWNER`, whose transcripts are found by id alone."""
    return sa.and_(transcripts.c.owner == owner, transcripts.c.owner != NO_OWNER, _in_trash(deleted))


def read_cursor(cursor: str) -> tuple[str, str]:
    """Returns the time and the id in a cursor. Raises `InvalidRequest`."""
    parts = CURSOR.fullmatch(cursor)
    if parts is None:
        raise InvalidRequest(
            "This cursor is not one of this appliance. Start again without a cursor.", field="cursor"
        )
    return parts[1], parts[2]


def _in_trash(deleted: bool) -> sa.ColumnElement[bool]:
    column = transcripts.c.deleted_at
    return column.is_not(None) if deleted else column.is_(None)
