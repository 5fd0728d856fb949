"""Chapters of a transcript: those at long pauses, or by hand."""

from typing import Any

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.api.native.edits import etag, seen_revision
from whisper_appliance.api.native.transcripts import TranscriptPath
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.chapters import MAX_CHAPTERS, MAX_TITLE_CHARS, StoredChapters
from whisper_appliance.transcript.chapters import Chapter
from whisper_appliance.web.auth import resources
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses
from whisper_appliance.web.schemas.chapters import ChaptersResponse, chapters_response
from whisper_appliance.web.schemas.seconds import RecordingSecond

blueprint = LazyBlueprint("chapters", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])


class ChapterBody(Schema):
    """A chapter."""

    start: RecordingSecond
    title: str = Field(
        "", max_length=2 * MAX_TITLE_CHARS, description="Empty: it is named by its first words."
    )


class ChaptersBody(Schema):
    """All chapters of a transcript."""

    chapters: list[ChapterBody] | None = Field(
        max_length=MAX_CHAPTERS + 1, description="null: those at the long pauses again."
    )


@blueprint.get(
    "/<hex32:id>/chapters",
    responses={200: ChaptersResponse, **error_responses(401, 403, 404, 503)},
    operation_id="chapters_list__hex32_id__chapters_get",
)
def list_chapters(path: TranscriptPath) -> Response:
    """The chapters of a transcript."""
    resources.authorized_transcript(path.id, "read")
    return _response(path.id, appliance().chapters.of(path.id))


@blueprint.put(
    "/<hex32:id>/chapters",
    responses={200: ChaptersResponse, **error_responses(400, 401, 403, 404, 412, 428, 503, 507)},
    operation_id="chapters_replace__hex32_id__chapters_put",
)
def replace_chapters(path: TranscriptPath, body: ChaptersBody) -> Response:
    """Replaces all chapters. `If-Match` has the `revision` that was read, as `"3"`, or `*`."""
    entry = resources.authorized_transcript(path.id, "edit")
    seen = seen_revision()
    given = body.chapters
    chapters = None if given is None else [Chapter(each.start, each.title) for each in given]
    appliance().admission.check_edit(entry.owner, sum(len(each.title) for each in chapters or ()))
    return _response(path.id, appliance().chapters.replace(path.id, chapters, seen=seen))


def _response(transcript_id: str, stored: StoredChapters) -> Response:
    shown: dict[str, Any] = chapters_response(appliance().edits.current(transcript_id), stored)
    response = jsonify(shown)
    response.headers["ETag"] = etag(stored.revision)
    return response
