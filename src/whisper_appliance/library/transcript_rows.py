"""A transcript as the history knows it: what it is called, whose it is, and who may see it."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import sqlalchemy as sa

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.storage.schema.library import transcripts
from whisper_appliance.transcript.codec import to_json
from whisper_appliance.transcript.model import Transcript

NO_OWNER = ""
MAX_TITLE_CHARS = 200
PREVIEW_CHARS = 240
CURSOR = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)_([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class TranscriptSummary:
    """A transcript as a list shows it; `preview` is how its text begins."""

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
    preview: str

    @property
    def cursor(self) -> str:
        """Where a page that ends with this entry goes on."""
        return f"{self.created}_{self.id}"


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """A transcript with all it says; `live` is what its captions said, where there were any."""

    summary: TranscriptSummary
    transcript: Transcript
    live: Transcript | None = None


@dataclass(frozen=True, slots=True)
class TranscriptPage:
    """Some entries, newest first, and the cursor of those that follow."""

    summaries: tuple[TranscriptSummary, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class TranscriptCreated:
    """A transcript that was just made, by a key where one came with it; `again` when a live one was there."""

    owner: str
    key_id: str
    transcript: Transcript
    again: bool = False


OnCreated = Callable[[sa.Connection, TranscriptCreated], None]
"""Told inside the transaction that keeps the transcript: what it writes is kept together with it."""


def ignore(_connection: sa.Connection, _made: TranscriptCreated) -> None:
    """Nobody wants to be told."""


COLUMNS: tuple[sa.ColumnElement[Any], ...] = (
    *(transcripts.c[name] for name in TranscriptSummary.__slots__ if name != "preview"),
    sa.func.substr(transcripts.c.text, 1, PREVIEW_CHARS).label("preview"),
)


def new_id() -> str:
    """128 random bits: whoever knows the id may have the thing."""
    return secrets.token_hex(16)


def clean_title(text: str) -> str:
    """One line of visible characters, cut where no title goes on."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_TITLE_CHARS]


def title_from_file_name(filename: str) -> str:
    """How a recording is called until somebody gives it a name: its file's, without folder and extension."""
    return clean_title(PurePath(filename.replace("\\", "/")).stem) or "Recording"


def insert(
    connection: sa.Connection,
    transcript: Transcript,
    *,
    id: str,
    owner: str,
    title: str,
    source: str,
    created: str,
    job_id: str | None = None,
) -> None:
    """Adds a transcript inside a transaction of the caller's, who may have more to say in it."""
    connection.execute(
        transcripts.insert().values(
            id=id,
            owner=owner,
            title=title,
            source=source,
            created=created,
            job_id=job_id,
            **_columns(transcript),
        )
    )


def replace_live_version(connection: sa.Connection, transcript: Transcript, *, id: str, job_id: str) -> bool:
    """Puts a better transcript in the place of a live one, which stays beside it; False where none is."""
    row = transcripts.update().where(transcripts.c.id == id)
    columns = _columns(transcript)
    columns["bytes"] = transcripts.c.bytes + columns["bytes"]
    better = row.values(live_body=transcripts.c.body, job_id=job_id, **columns)
    return connection.execute(better).rowcount > 0


def is_kept(connection: sa.Connection, id: str) -> bool:
    """Whether there is a transcript with this id, be it in the trash."""
    question = sa.select(transcripts.c.number).where(transcripts.c.id == id)
    return connection.execute(question).first() is not None


def _columns(transcript: Transcript) -> dict[str, Any]:
    text = transcript.text.replace("\x00", "")  # PostgreSQL has no NUL in text
    body = to_json(transcript)
    return {
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "duration": transcript.duration,
        "model": transcript.model,
        "task": transcript.task,
        "processing_seconds": transcript.processing_seconds,
        "text": text,
        "body": body,
        "bytes": len(text.encode("utf-8", "replace")) + len(body.encode("utf-8", "replace")),
    }


def summary_from_row(row: sa.RowMapping) -> TranscriptSummary:
    """The entry in a row of `COLUMNS`."""
    return TranscriptSummary(**{name: row[name] for name in TranscriptSummary.__slots__})


def visible_to(id: str, owner: str, *, deleted: bool = False) -> sa.ColumnElement[bool]:
    """The one rule of who may see a transcript: its owner, and everybody when it is nobody's."""
    return sa.and_(transcripts.c.id == id, transcripts.c.owner.in_((NO_OWNER, owner)), _in_trash(deleted))


def owned_by(owner: str, *, deleted: bool) -> sa.ColumnElement[bool]:
    """All of one owner. Nobody has no list: their transcripts are reached by id alone."""
    return sa.and_(transcripts.c.owner == owner, transcripts.c.owner != NO_OWNER, _in_trash(deleted))


def read_cursor(cursor: str) -> tuple[str, str]:
    """Time and id of the last entry that was given out. Raises `InvalidRequest`."""
    parts = CURSOR.fullmatch(cursor)
    if parts is None:
        raise InvalidRequest("This cursor was not given out here; start again without one.", field="cursor")
    return parts[1], parts[2]


def _in_trash(deleted: bool) -> sa.ColumnElement[bool]:
    column = transcripts.c.deleted_at
    return column.is_not(None) if deleted else column.is_(None)
