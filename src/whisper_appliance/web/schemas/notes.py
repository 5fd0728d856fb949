"""The schema of notes."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from whisper_appliance.core.schema import Schema
from whisper_appliance.library.notes import StoredNote


class NoteResponse(Schema):
    """What somebody wrote at a second of the recording."""

    id: str
    start: float = Field(description="Seconds of the original file.")
    text: str = Field(description="Plain text, in lines.")
    author: str | None = Field(None, description="Name of the user, where it is known.")
    mine: bool = Field(description="Whether the caller wrote it, and so may change it.")
    created: str = Field(description="UTC, ISO 8601.")
    changed: str | None = Field(None, description="When its author changed it last.")


def note_response(note: StoredNote, names: Mapping[str, str], actor_id: str) -> dict[str, Any]:
    """A note as JSON; `names` are those of users by id."""
    return NoteResponse(
        id=note.id,
        start=round(note.start, 3),
        text=note.text,
        author=names.get(note.author),
        mine=note.author == actor_id,
        created=note.created,
        changed=note.changed,
    ).model_dump()
