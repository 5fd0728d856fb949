"""Public links: one transcript, read-only and without an account, until the link expires or is revoked."""

from flask import Response, jsonify, render_template
from flask_openapi3.models import OPENAPI3_REF_PREFIX
from flask_openapi3.types import ResponseDict
from pydantic import Field

from whisper_appliance.api.native.export import Annotations, ExportQuery, file_response, text_formats
from whisper_appliance.api.native.recordings import (
    AUDIO_RESPONSE,
    PEAKS_RESPONSE,
    AudioQuery,
    audio_response,
    peaks_response,
)
from whisper_appliance.core.errors import NotFound
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.shares import NO_LINK, Share
from whisper_appliance.library.transcript_rows import StoredTranscript, TranscriptSummary
from whisper_appliance.transcript.beside import language_of, lines_beside
from whisper_appliance.transcript.codec import to_dict, with_translation
from whisper_appliance.transcript.paragraphs import paragraph_starts
from whisper_appliance.transcript.times import with_valid_times
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.content_disposition import attachment
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, TRANSCRIPTS, error_responses, page_response
from whisper_appliance.web.schemas.chapters import ChapterResponse, chapters_response
from whisper_appliance.web.schemas.transcript import (
    NoticeResponse,
    RecordingResponse,
    SegmentResponse,
    UtcTime,
    recording_response,
)

blueprint = LazyBlueprint("shared", __name__, abp_tags=[TRANSCRIPTS])


class LinkPath(Schema):
    """The address behind a public link."""

    token: str = Field(description="Token of the link.", max_length=100)


class SharedTranscriptResponse(Schema):
    """A transcript as its public link shows it: what was said, not how it was made, nor by whom."""

    title: str
    created: str = UtcTime
    text: str
    language: str
    duration: float = Field(description="Seconds.")
    segments: list[SegmentResponse]
    paragraphs: list[int] = Field([], description="Places of the segments that start a paragraph.")
    warnings: list[NoticeResponse]
    chapters: list[ChapterResponse] = Field([])
    expires: str | None = Field(None, description="When the link ends.")
    translation_language: str | None = Field(
        None,
        description="With `translation=beside`: that of each segment's `translation`; null: there is none.",
    )
    recording: RecordingResponse | None = Field(
        None, description="null: not kept, or the link does not include it."
    )


def _schema() -> dict[str, object]:
    """The schema inline, because the document only contains schemas that are the only response of a route."""
    schema = SharedTranscriptResponse.model_json_schema(ref_template=f"{OPENAPI3_REF_PREFIX}/{{model}}")
    schema.pop("$defs")
    return schema


SHARED_RESPONSE: ResponseDict = {
    200: {
        "description": "The transcript: JSON, or text in the requested format.",
        "content": {"application/json": {"schema": _schema()}, **text_formats()},
    }
}


@blueprint.get(
    "/shared/<token>",
    tags=[PAGES],
    responses={**page_response("A transcript that was shared."), **error_responses(404, 503)},
    operation_id="shared_show_shared__token__get",
)
def shared_page(path: LinkPath) -> str:
    """A transcript that was shared, to read."""
    _transcript_of_link(path.token)
    return render_template("shared.html", token=path.token)


@blueprint.get(
    "/api/shared/<token>",
    responses={**SHARED_RESPONSE, **error_responses(400, 404, 503)},
    operation_id="shared_read_api_shared__token__get",
)
def get_shared_transcript(path: LinkPath, query: ExportQuery) -> Response:
    """What is behind a public link, in any format. Needs no account."""
    stored, share = _transcript_of_link(path.token)
    title, transcript = stored.summary.title, with_valid_times(stored.transcript)
    stored_chapters = appliance().chapters.of(stored.summary.id)
    made = appliance().translations.of(stored.summary.id) if query.translation == "beside" else None
    if query.format == "json":
        kept = appliance().recordings.find(stored.summary.id) if share.audio else None
        head = {
            "title": title,
            "paragraphs": paragraph_starts(transcript),
            "created": stored.summary.created,
            "expires": share.expires,
            "recording": recording_response(kept),
            "translation_language": language_of(made.transcript) if made else None,
            "chapters": chapters_response(transcript, stored_chapters)["chapters"],
        }
        body = to_dict(transcript)
        if made:
            with_translation(body, lines_beside(transcript.segments, made.transcript.segments))
        if not query.download:
            body["warnings"] = localized(body["warnings"])
        response = jsonify(SharedTranscriptResponse(**{**body, **head}).model_dump())
        if query.download:
            response.headers["Content-Disposition"] = attachment(f"{title}.json")
    else:
        beside = made.transcript if made else None
        found = Annotations(chapters=stored_chapters.chapters, translation=beside)
        response = file_response(stored, query, found)
    if query.download or query.format != "json":
        record("share.export", stored.summary.id, format=query.format)
    return response


@blueprint.get(
    "/api/shared/<token>/audio",
    responses={**AUDIO_RESPONSE, **error_responses(404, 503)},
    operation_id="shared_audio_api_shared__token__audio_get",
)
def get_shared_audio(path: LinkPath, query: AudioQuery) -> Response:
    """The recording behind a public link that includes it. Needs no account."""
    entry = _entry_with_audio(path.token)
    if query.download:
        record("share.download", entry.id)
    return audio_response(entry, download=query.download)


@blueprint.get(
    "/api/shared/<token>/peaks",
    responses={**PEAKS_RESPONSE, **error_responses(404, 503)},
    operation_id="shared_peaks_api_shared__token__peaks_get",
)
def get_shared_peaks(path: LinkPath) -> Response:
    """The waveform behind a public link that includes the recording."""
    return peaks_response(_entry_with_audio(path.token))


def _entry_with_audio(token: str) -> TranscriptSummary:
    """The transcript of a valid link that includes its recording. Raises the same `NotFound` otherwise."""
    if not appliance().shares.by_token(token).audio:
        raise NotFound(NO_LINK)
    return _transcript_of_link(token)[0].summary


def _transcript_of_link(token: str) -> tuple[StoredTranscript, Share]:
    """The transcript of a valid link, and the link. Raises the same `NotFound` for every reason."""
    share = appliance().shares.by_token(token)
    try:
        entry = appliance().transcripts.metadata(share.transcript_id)
    except NotFound:
        raise NotFound(NO_LINK) from None
    return appliance().transcripts.get(entry.id, entry.owner), share
