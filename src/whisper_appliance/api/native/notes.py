"""Notes at a second of a recording: by its owner, and by users who may comment on it or edit it."""

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.api.native.change_stream import notes_json
from whisper_appliance.api.native.transcripts import TranscriptPath
from whisper_appliance.core.errors import NotAllowed
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.notes import MAX_NOTE_CHARS, StoredNote
from whisper_appliance.library.transcript_rows import TranscriptSummary
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses
from whisper_appliance.web.schemas.notes import NoteResponse
from whisper_appliance.web.schemas.seconds import RecordingSecond

blueprint = LazyBlueprint("notes", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])


class NotePath(TranscriptPath):
    """The address of a note."""

    note: str = Field(description="Id of the note.", pattern=ID_REGEX)


class NoteBody(Schema):
    """A note."""

    start: RecordingSecond
    text: str = Field(
        max_length=2 * MAX_NOTE_CHARS, description=f"Plain text, at most {MAX_NOTE_CHARS} characters."
    )


class NoteList(Schema):
    """The notes of a transcript, by their seconds."""

    notes: list[NoteResponse]


@blueprint.get(
    "/<hex32:id>/notes",
    responses={200: NoteList, **error_responses(401, 403, 404, 503)},
    operation_id="notes_list__hex32_id__notes_get",
)
def list_notes(path: TranscriptPath) -> Response:
    """The notes of a transcript."""
    resources.authorized_transcript(path.id, "read")
    return jsonify({"notes": notes_json(appliance().notes.of(path.id))})


@blueprint.post(
    "/<hex32:id>/notes",
    responses={201: NoteResponse, **error_responses(400, 401, 403, 404, 409, 503, 507)},
    operation_id="notes_add__hex32_id__notes_post",
)
def add_note(path: TranscriptPath, body: NoteBody) -> tuple[Response, int]:
    """Writes a note at a second of the recording."""
    entry = resources.authorized_transcript(path.id, "comment")
    appliance().admission.check_edit(entry.owner, len(body.text))
    made = appliance().notes.add(path.id, body.start, body.text, author=current_actor().owner)
    return jsonify(*notes_json([made])), 201


@blueprint.put(
    "/<hex32:id>/notes/<hex32:note>",
    responses={200: NoteResponse, **error_responses(400, 401, 403, 404, 503, 507)},
    operation_id="notes_change__hex32_id__notes__hex32_note__put",
)
def change_note(path: NotePath, body: NoteBody) -> Response:
    """Changes one's own note."""
    entry = resources.authorized_transcript(path.id, "comment")
    if not _is_mine(appliance().notes.get(path.id, path.note)):
        raise NotAllowed("Only who wrote a note changes it.")
    appliance().admission.check_edit(entry.owner, len(body.text))
    made = appliance().notes.change(path.id, path.note, start=body.start, text=body.text)
    return jsonify(*notes_json([made]))


@blueprint.delete(
    "/<hex32:id>/notes/<hex32:note>",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="notes_delete__hex32_id__notes__hex32_note__delete",
)
def delete_note(path: NotePath) -> tuple[str, int]:
    """Deletes one's own note; the owner of a transcript deletes any note of it."""
    entry = resources.authorized_transcript(path.id, "comment")
    note = appliance().notes.get(path.id, path.note)
    if not _is_mine(note) and not _is_own(entry):
        raise NotAllowed("Only who wrote a note, or the owner of the transcript, deletes it.")
    appliance().notes.delete(path.id, path.note)
    if not _is_mine(note):
        record("note.delete", path.id, note=path.note)
    return "", 204


def _is_mine(note: StoredNote) -> bool:
    return note.author == current_actor().owner


def _is_own(entry: TranscriptSummary) -> bool:
    return entry.owner == current_actor().owner
