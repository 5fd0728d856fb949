"""The kept recording of a transcript: to play, save, keep longer, delete; its waveform and its subtitles."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from mimetypes import guess_extension
from os import SEEK_END

from flask import Response, jsonify, request
from flask_openapi3.types import ResponseDict
from pydantic import Field
from werkzeug.wsgi import wrap_file

from whisper_appliance.api.native.export import ExportFields
from whisper_appliance.api.native.transcripts import TranscriptPath, annotations
from whisper_appliance.audio.peaks import bar_heights
from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.transcript_rows import TranscriptSummary
from whisper_appliance.transcript.formats import export
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.content_disposition import attachment
from whisper_appliance.web.context import appliance
from whisper_appliance.web.etags import NOT_MODIFIED, with_etag
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.media_files import media_response
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses
from whisper_appliance.web.schemas.transcript import RecordingResponse, recording_response

blueprint = LazyBlueprint("recordings", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])

BLOCK_BYTES = 2**18
MOST_WAVEFORMS = 100
PEAKS_TYPE = "application/octet-stream"
EXTENSIONS = {"audio/mp4": ".m4a", "audio/ogg": ".ogg", "audio/webm": ".webm", "audio/wav": ".wav"}


class AudioQuery(Schema):
    """How to send the recording."""

    download: bool = Field(False, description="Answer as a file to save.")


class WaveformsQuery(Schema):
    """The transcripts of a part of a list."""

    id: list[str] = Field([], max_length=MOST_WAVEFORMS, description="Ids of transcripts.")


class WaveformsResponse(Schema):
    """Small waveforms, of those transcripts that have one and may be read."""

    waveforms: dict[str, str] = Field(
        description="By id: heights of 48 bars, a digit each; 9 is the loudest of the recording."
    )


class EndBody(Schema):
    """When the recording is deleted."""

    days: int | None = Field(
        ge=1, le=36_500, description="Days from now; null: as long as the appliance keeps recordings."
    )


_BYTES = {"schema": {"type": "string", "format": "binary"}}
AUDIO_RESPONSE: ResponseDict = {
    200: {"description": "The whole recording.", "content": {"audio/*": _BYTES, "video/*": _BYTES}},
    206: {"description": "A range of it, at most 2 MiB.", "content": {"audio/*": _BYTES, "video/*": _BYTES}},
}
VIDEO_RESPONSE: ResponseDict = {
    200: {
        "description": "The film, with pictures and sound as they are.",
        "content": {"video/x-matroska": _BYTES},
    },
}
PEAKS_RESPONSE: ResponseDict = {
    200: {
        "description": "Lowest and highest samples, in the 8-bit format of BBC audiowaveform (`.dat`).",
        "content": {PEAKS_TYPE: _BYTES},
    },
    304: NOT_MODIFIED,
}


@blueprint.get(
    "/<hex32:id>/audio",
    responses={**AUDIO_RESPONSE, **error_responses(401, 403, 404, 503)},
    operation_id="recordings_read__hex32_id__audio_get",
)
def get_audio(path: TranscriptPath, query: AudioQuery) -> Response:
    """The recording of a transcript, if it is kept, in a format that browsers play where that is possible."""
    entry = resources.authorized_transcript(path.id, "read")
    if query.download:
        record("recording.download", path.id)
    return audio_response(entry, download=query.download)


@blueprint.get(
    "/<hex32:id>/peaks",
    responses={**PEAKS_RESPONSE, **error_responses(401, 403, 404, 503)},
    operation_id="recordings_peaks__hex32_id__peaks_get",
)
def get_peaks(path: TranscriptPath) -> Response:
    """The waveform of a recording, which stays when the recording is deleted."""
    return peaks_response(resources.authorized_transcript(path.id, "read"))


@blueprint.get("/waveforms", responses={200: WaveformsResponse, **error_responses(400, 401, 403, 503)})
def get_waveforms(query: WaveformsQuery) -> Response:
    """Small waveforms for the rows of a list."""
    readable = appliance().listing.readable(require("read").owner, query.id)
    found = {}
    for each in readable:
        with suppress(NotFound):
            found[each] = bar_heights(appliance().recordings.peaks(each))
    return jsonify({"waveforms": {each: heights for each, heights in found.items() if heights}})


@blueprint.get(
    "/<hex32:id>/video",
    responses={**VIDEO_RESPONSE, **error_responses(400, 401, 403, 404, 422, 429, 503, 507)},
    operation_id="recordings_video__hex32_id__video_get",
)
def get_video(path: TranscriptPath, query: ExportFields) -> Response:
    """A kept film with its words as subtitles that can be switched off, as Matroska (.mkv)."""
    entry = resources.authorized_transcript(path.id, "read")
    stored = appliance().transcripts.get(entry.id, entry.owner)
    found = annotations(translated=query.translation == "beside")(entry.id)
    subtitles = export(stored.transcript, "srt", query.options(stored.summary, found))
    film = appliance().subtitled_films.make(entry.id, subtitles.decode())
    record("recording.download", path.id)
    size = film.seek(0, SEEK_END)
    film.seek(0)
    blocks = wrap_file(request.environ, film, BLOCK_BYTES)
    response = Response(blocks, mimetype="video/x-matroska", direct_passthrough=True)
    response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = attachment(f"{entry.title}.mkv")
    return response


@blueprint.patch(
    "/<hex32:id>/audio",
    responses={200: RecordingResponse, **error_responses(400, 401, 403, 404, 503, 507)},
    operation_id="recordings_keep__hex32_id__audio_patch",
)
def keep_audio(path: TranscriptPath, body: EndBody) -> Response:
    """Keeps a recording for so many days from now, at most as long as the appliance keeps recordings."""
    entry = resources.authorized_transcript(path.id, "change")
    recordings = appliance().recordings
    recordings.get(path.id)
    days, allowed = body.days, appliance().settings.audio_retention_days
    if allowed and days and days > allowed:
        raise InvalidRequest("Recordings are kept for {days} days at most.", days=allowed, field="days")
    if days is None and allowed:
        days = allowed
    recordings.set_end(path.id, written(datetime.now(UTC) + timedelta(days=days)) if days else None)
    record("recording.keep", path.id, days=days)
    return jsonify(recording_response(appliance().recordings.find(entry.id)))


@blueprint.delete(
    "/<hex32:id>/audio",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="recordings_delete__hex32_id__audio_delete",
)
def delete_audio(path: TranscriptPath) -> tuple[str, int]:
    """Deletes a recording for good; its transcript stays."""
    resources.authorized_transcript(path.id, "delete")
    appliance().recordings.delete(path.id)
    record("recording.delete", path.id)
    return "", 204


def audio_response(entry: TranscriptSummary, *, download: bool = False) -> Response:
    """The response with the recording of a transcript. The calling code has checked who may play it."""
    recordings = appliance().recordings
    media_type = recordings.get(entry.id).media_type
    return media_response(
        recordings.playable_file(entry.id),
        media_type,
        download_name=entry.title + extension_of(media_type) if download else None,
    )


def extension_of(media_type: str) -> str:
    """The extension of a file of this type; none for a recording that browsers cannot play."""
    return EXTENSIONS.get(media_type) or guess_extension(media_type) or ""


def peaks_response(entry: TranscriptSummary) -> Response:
    """The response with the waveform of a transcript. The caller has checked who may see it."""
    response = Response(appliance().recordings.peaks(entry.id), mimetype=PEAKS_TYPE)
    response.headers["Cache-Control"] = "private, no-cache"
    return with_etag(response)
