"""The transcripts of the actor: read, export, rename, trash and restore."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from flask import Response, g, jsonify, request
from flask_openapi3.types import ResponseDict
from pydantic import BaseModel, Field

from whisper_appliance.api.native.export import (
    ArchiveBody,
    ExportQuery,
    archive_response,
    file_response,
    own_transcripts,
    text_formats,
)
from whisper_appliance.core.errors import NotFound
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.library.transcript_rows import StoredTranscript, TranscriptSummary
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.transcript.codec import to_dict
from whisper_appliance.transcript.paragraphs import paragraph_starts
from whisper_appliance.transcript.times import with_valid_times
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor, own_resource, require
from whisper_appliance.web.content_disposition import attachment
from whisper_appliance.web.context import appliance
from whisper_appliance.web.etags import IF_MATCH, NOT_MODIFIED, check_if_match, etag_of, with_etag
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses, reference
from whisper_appliance.web.schemas.transcript import (
    RecordingResponse,
    TranscriptResponse,
    TranscriptSummaryResponse,
)

blueprint = LazyBlueprint("transcripts", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])

TRANSCRIPT_RESPONSE: ResponseDict = {
    200: {
        "description": "The transcript: JSON, or text in the requested format.",
        "content": {
            "application/json": {"schema": reference(TranscriptResponse)},
            **text_formats(),
        },
    }
}


ARCHIVE_RESPONSE: ResponseDict = {
    200: {
        "description": "A ZIP archive with a file for each transcript and format.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
READ_AS_JSON = ExportQuery.model_construct(format="json", download=False)


class TranscriptPath(BaseModel):
    """The address of a transcript."""

    id: str = Field(description="Id of the transcript.", pattern=ID_REGEX)


class TitleBody(BaseModel):
    """What can be changed."""

    title: str = Field(description="The new title.", max_length=1000, examples=["Interview with Ada"])


@blueprint.get(
    "/<hex32:id>",
    responses={**TRANSCRIPT_RESPONSE, 304: NOT_MODIFIED, **error_responses(400, 401, 403, 404, 503)},
    operation_id="transcripts_read__hex32_id__get",
)
def get_transcript(path: TranscriptPath, query: ExportQuery) -> Response:
    """One transcript, in any format; as JSON with an `ETag`."""
    entry = resources.authorized_transcript(path.id, "read")
    if query.download or query.format != "json":
        record("transcript.export", path.id, format=query.format)
    response = transcript_response(_stored(entry), query)
    return with_etag(response) if query.format == "json" else response


@blueprint.post("/export", responses={**ARCHIVE_RESPONSE, **error_responses(400, 401, 403, 404, 503)})
def export_transcripts(body: ArchiveBody) -> Response:
    """Several transcripts as one ZIP archive, each in all of the formats."""
    owner, repository = require("read").owner, appliance().transcripts
    if body.ids is None:
        stored = own_transcripts(repository, owner)
    else:
        entries = [resources.authorized_transcript(each, "read") for each in body.ids]
        stored = _still_there(repository, entries)
    record("transcript.export", ",".join(body.ids or ["all"])[:200], format=",".join(body.formats))
    day = datetime.now(UTC).date().isoformat()
    return archive_response(stored, body.formats, body, f"transcripts {day}.zip")


@blueprint.patch(
    "/<hex32:id>",
    responses={200: TranscriptResponse, **error_responses(400, 401, 403, 404, 412, 503, 507)},
    openapi_extensions={"parameters": [IF_MATCH]},
    operation_id="transcripts_rename__hex32_id__patch",
)
def rename_transcript(path: TranscriptPath, body: TitleBody) -> Response:
    """Gives a transcript another title."""
    entry = resources.authorized_transcript(path.id, "edit")
    before = _stored(entry)
    check_if_match(etag_of(transcript_response(before).get_data()))
    seen = before.summary.title if "If-Match" in request.headers else None
    appliance().transcripts.rename(path.id, entry.owner, body.title, seen=seen)
    return with_etag(transcript_response(_stored(entry)))


@blueprint.delete(
    "/<hex32:id>",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="transcripts_delete__hex32_id__delete",
)
def delete_transcript(path: TranscriptPath) -> tuple[str, int]:
    """Puts a transcript into the trash, from where it can be restored for a while."""
    entry = resources.authorized_transcript(path.id, "delete")
    appliance().transcripts.delete(path.id, entry.owner)
    record("transcript.delete", path.id)
    return "", 204


@blueprint.post(
    "/<hex32:id>/restore",
    responses={200: TranscriptResponse, **error_responses(401, 403, 404, 503, 507)},
    operation_id="transcripts_restore__hex32_id__restore_post",
)
def restore_transcript(path: TranscriptPath) -> Response:
    """Takes a transcript out of the trash."""
    entry = resources.authorized_transcript(path.id, "change", deleted=True)
    appliance().transcripts.restore(path.id, entry.owner)
    record("transcript.restore", path.id)
    return transcript_response(_stored(entry))


@blueprint.delete("/trash", responses={204: None, **error_responses(401, 403, 503, 507)})
def empty_trash() -> tuple[str, int]:
    """Empties the trash of the caller, for good."""
    actor = require("delete", own_resource("transcript"))
    removed = appliance().transcripts.empty_trash(actor.owner)
    record("transcript.empty_trash", removed=removed)
    return "", 204


def _still_there(
    repository: TranscriptRepository, entries: Sequence[TranscriptSummary]
) -> Iterator[StoredTranscript]:
    """The transcripts; skips one that is deleted meanwhile."""
    for entry in entries:
        try:
            yield repository.get(entry.id, entry.owner)
        except NotFound:
            continue


def _stored(entry: TranscriptSummary) -> StoredTranscript:
    return appliance().transcripts.get(entry.id, entry.owner)


def summary_response(entry: TranscriptSummary) -> dict[str, Any]:
    """A list entry as JSON."""
    return TranscriptSummaryResponse(
        id=entry.id,
        title=entry.title,
        created=entry.created,
        language=entry.language,
        duration=entry.duration,
        model=entry.model,
        source=entry.source,
        doubtful_words=entry.doubtful_words,
        favourite=entry.favourite,
        folder=entry.folder_id,
        excerpt=entry.preview,
        deleted=entry.deleted_at,
        found=None,
        hits=None,
        hit_count=None,
        is_shared=False,
        shared_by=None,
    ).model_dump()


def received_response(entry: TranscriptSummary) -> dict[str, Any]:
    """A transcript of somebody else in a list, without folder, tags and star, which are its owner's."""
    filing: dict[str, Any] = {"favourite": False, "folder": None, "tags": []}
    return {**summary_response(entry), **filing, "is_shared": True, "shared_by": owner_name(entry.owner)}


def owner_name(owner: str) -> str | None:
    """The name of a user; None for a visitor, or if the account is gone."""
    if "user_names" not in g:
        g.user_names = {user.id: user.name for user in appliance().accounts.users.list_users()}
    return cast(dict[str, str], g.user_names).get(owner)


def transcript_response(stored: StoredTranscript, query: ExportQuery = READ_AS_JSON) -> Response:
    """The response with a transcript in one of the formats."""
    summary = stored.summary
    if query.format == "json":
        head: dict[str, Any] = {
            "id": summary.id,
            "title": summary.title,
            "created": summary.created,
            "recording": recording_json(summary),
            "revision": summary.revision,
            "access": _access(summary),
        }
        transcript = with_valid_times(stored.transcript)
        if not query.download:
            head["paragraphs"] = paragraph_starts(transcript)
        body = to_dict(transcript)
        if not query.download:
            body["warnings"] = localized(body["warnings"])
        response = jsonify({**head, **body})
        if query.download:
            response.headers["Content-Disposition"] = attachment(f"{summary.title}.json")
    else:
        response = file_response(stored, query)
    response.headers["X-Transcript-Id"] = summary.id
    return response


def recording_json(entry: TranscriptSummary) -> dict[str, Any] | None:
    """The kept recording of a transcript as JSON; None if it is not kept."""
    kept = appliance().recordings.find(entry.id)
    if kept is None:
        return None
    return RecordingResponse(
        media_type=kept.media_type, bytes=kept.bytes, delete_at=kept.delete_at
    ).model_dump()


def _access(summary: TranscriptSummary) -> str:
    if summary.owner in ("", current_actor().owner):
        return "own"
    return "edit" if resources.share_role(summary) == "editor" else "read"
