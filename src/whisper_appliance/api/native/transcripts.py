"""The transcripts of the actor: list, search, read, export, rename, trash and restore."""

from collections.abc import Sequence
from typing import Any, Literal

from flask import Response, jsonify, request
from flask_openapi3.types import ResponseDict
from pydantic import BaseModel, Field

from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.library.transcript_rows import StoredTranscript, TranscriptSummary
from whisper_appliance.transcript.codec import to_dict
from whisper_appliance.transcript.formats import FORMATS, render
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor, own_resource, require
from whisper_appliance.web.content_disposition import attachment
from whisper_appliance.web.context import appliance
from whisper_appliance.web.etags import IF_MATCH, NOT_MODIFIED, check_if_match, etag_of, with_etag
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses, reference
from whisper_appliance.web.schemas.transcript import (
    RecordingResponse,
    TranscriptListResponse,
    TranscriptResponse,
    TranscriptSummaryResponse,
)

blueprint = LazyBlueprint("transcripts", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])

FormatName = Literal["json", "txt", "srt", "vtt", "tsv"]


def text_formats() -> dict[str, object]:
    """The OpenAPI content of a transcript as text, by media type."""
    plain = (each for each in FORMATS.values() if each.name != "json")
    return {each.media_type: {"schema": {"type": "string"}} for each in plain}


TRANSCRIPT_RESPONSE: ResponseDict = {
    200: {
        "description": "The transcript: JSON, or text in the asked format.",
        "content": {
            "application/json": {"schema": reference(TranscriptResponse)},
            **text_formats(),
        },
    }
}


class TranscriptPath(BaseModel):
    """The address of a transcript."""

    id: str = Field(description="Id of the transcript.", pattern=ID_REGEX)


class ListQuery(BaseModel):
    """Which transcripts to list."""

    limit: int = Field(50, ge=1, le=200, description="Most transcripts in one answer.")
    cursor: str | None = Field(None, description="`next` of the page before.")
    q: str = Field("", max_length=500, description="Only those whose title and text have all these words.")
    deleted: bool = Field(False, description="The trash, instead of what is not in it.")


class ReadQuery(BaseModel):
    """How to write the transcript."""

    format: FormatName = Field("json", description="Form of the answer.")
    download: bool = Field(False, description="Answer as a file to save.")
    max_line_chars: int = Field(
        42, ge=1, le=200, description="srt, vtt: longest line; wide characters count two."
    )
    max_lines: int = Field(2, ge=1, le=10, description="srt, vtt: most lines in one caption.")


class TitleBody(BaseModel):
    """What can be changed."""

    title: str = Field(description="The new title.", max_length=1000, examples=["Interview with Ada"])


@blueprint.get("", responses={200: TranscriptListResponse, **error_responses(400, 401, 403, 503)})
def list_transcripts(query: ListQuery) -> Response:
    """The transcripts of whoever asks, newest first, page by page."""
    page = appliance().transcripts.page(
        require("read").owner, limit=query.limit, cursor=query.cursor, deleted=query.deleted, words=query.q
    )
    found = appliance().transcripts.snippets([entry.id for entry in page.summaries], query.q)
    listed = [summary_response(entry, found.get(entry.id)) for entry in page.summaries]
    return jsonify({"transcripts": listed, "next": page.next_cursor})


@blueprint.get(
    "/<hex32:id>",
    responses={**TRANSCRIPT_RESPONSE, 304: NOT_MODIFIED, **error_responses(400, 401, 403, 404, 503)},
    operation_id="transcripts_read__hex32_id__get",
)
def get_transcript(path: TranscriptPath, query: ReadQuery) -> Response:
    """One transcript, in any format; as JSON with an `ETag`."""
    entry = resources.authorized_transcript(path.id, "read")
    if query.download or query.format != "json":
        record("transcript.export", path.id, format=query.format)
    limits = {"max_line_chars": query.max_line_chars, "max_lines": query.max_lines}
    response = transcript_response(_stored(entry), query.format, download=query.download, **limits)
    return with_etag(response) if query.format == "json" else response


@blueprint.patch(
    "/<hex32:id>",
    responses={200: TranscriptResponse, **error_responses(400, 401, 403, 404, 412, 503, 507)},
    openapi_extensions={"parameters": [IF_MATCH]},
    operation_id="transcripts_rename__hex32_id__patch",
)
def rename_transcript(path: TranscriptPath, body: TitleBody) -> Response:
    """Gives a transcript another title."""
    entry = resources.authorized_transcript(path.id, "change")
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
    """Removes for good what whoever asks has in the trash."""
    actor = require("delete", own_resource("transcript"))
    removed = appliance().transcripts.empty_trash(actor.owner)
    record("transcript.empty_trash", removed=removed)
    return "", 204


def _stored(entry: TranscriptSummary) -> StoredTranscript:
    return appliance().transcripts.get(entry.id, entry.owner)


def summary_response(entry: TranscriptSummary, found: Sequence[str] | None = None) -> dict[str, Any]:
    """A list entry as JSON; `found` are the snippets of a search."""
    return TranscriptSummaryResponse(
        id=entry.id,
        title=entry.title,
        created=entry.created,
        language=entry.language,
        duration=entry.duration,
        model=entry.model,
        excerpt=entry.preview,
        deleted=entry.deleted_at,
        found=list(found) if found else None,
    ).model_dump()


def transcript_response(
    stored: StoredTranscript, format_name: FormatName = "json", *, download: bool = False, **limits: int
) -> Response:
    """The response with a transcript in one of the formats."""
    summary = stored.summary
    if format_name == "json":
        head = {
            "id": summary.id,
            "title": summary.title,
            "created": summary.created,
            "recording": recording_json(summary),
            "access": _access(summary),
        }
        response = jsonify({**head, **to_dict(stored.transcript)})
    else:
        response = Response(
            render(stored.transcript, format_name, **limits), mimetype=FORMATS[format_name].media_type
        )
    response.headers["X-Transcript-Id"] = summary.id
    if download:
        response.headers["Content-Disposition"] = attachment(summary.title + FORMATS[format_name].extension)
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
    return "own" if summary.owner in ("", current_actor().owner) else "read"
