"""POST /asr and POST /detect-language, as whisper-asr-webservice has them."""

from pathlib import Path
from typing import Any, Literal

from flask import Response, jsonify, make_response
from pydantic import Field, field_validator

from whisper_appliance.core.schema import Schema
from whisper_appliance.diarization.contract import MAX_SPEAKERS
from whisper_appliance.engines.contract import Options, Task
from whisper_appliance.library.transcript_rows import StoredTranscript
from whisper_appliance.transcript.codec import to_dict
from whisper_appliance.transcript.formats import render
from whisper_appliance.transcript.languages import english_name, language_code
from whisper_appliance.web.content_disposition import attachment
from whisper_appliance.web.context import appliance
from whisper_appliance.web.http_api import Failure
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.multipart_form import FileRules
from whisper_appliance.web.openapi import SPEECH, transcript_responses, upload_failures
from whisper_appliance.web.transcription_requests import (
    keep_alive_for,
    received_form,
    respond_when_done,
    submit_form,
)

blueprint = LazyBlueprint("asr_webservice", __name__, abp_tags=[SPEECH])

FIELD = "audio_file"
FILE = {
    "type": "object",
    "required": [FIELD],
    "properties": {FIELD: {"type": "string", "format": "binary", "description": "The recording."}},
}
BODY = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FILE}}}}
SEGMENT_FIELDS = (
    "id", "start", "end", "text", "avg_logprob", "compression_ratio", "no_speech_prob", "speaker", "words",
)  # fmt: skip


class DetailResponse(Schema):
    """The response to every failed request."""

    detail: str


class DetectedLanguage(Schema):
    """The language of a recording."""

    detected_language: str = Field(description="Its English name, in lower case.")
    language_code: str
    confidence: float = Field(description="From 0 to 1.")


FAILURES = upload_failures(DetailResponse)
RESPONSES = transcript_responses(FAILURES, "text/plain")


class FileQuery(Schema):
    """How the file is to be read."""

    encode: bool = Field(
        True, description="`false`: the file is PCM without a header: 16 bit, little endian, 16 kHz, mono."
    )


class AsrQuery(FileQuery):
    """The options of a transcription."""

    task: Task = Field("transcribe", description="`translate` writes English.")
    language: str | None = Field(None, description="Code of the language; default: detected.")
    initial_prompt: str | None = Field(None, max_length=4000, description="Text that comes before.")
    hotwords: str | None = Field(None, max_length=2000, description="Words that are likely to be said.")
    vad_filter: bool = Field(True, description="Leave out what is not speech.")
    word_timestamps: bool = Field(False, description="Also the time of every word, in JSON.")
    diarize: bool = Field(False, description="Name the speaker of each segment.")
    min_speakers: int | None = Field(None, ge=1, le=MAX_SPEAKERS, description="For `diarize`.")
    max_speakers: int | None = Field(
        None, ge=1, le=MAX_SPEAKERS, description="For `diarize`; used if it is the same as `min_speakers`."
    )
    output: Literal["txt", "vtt", "srt", "tsv", "json"] = Field("txt", description="Form of the response.")

    @field_validator("language")
    @classmethod
    def _to_code(cls, value: str | None) -> str | None:
        return None if value is None else language_code(value)


class AsrForm:
    """The options of the query, as `submit_form` reads them."""

    model = None

    def __init__(self, query: AsrQuery) -> None:
        self._query = query

    def options(self) -> Options:
        """The transcription options."""
        query = self._query
        return Options(
            language=query.language,
            task=query.task,
            prompt=query.initial_prompt or None,
            hotwords=query.hotwords or None,
            word_timestamps=query.word_timestamps or query.diarize,
            vad=query.vad_filter,
            channels="separate" if query.diarize else "mixed",
            diarize=query.diarize,
            speakers=query.min_speakers if query.min_speakers == query.max_speakers else None,
        )


def error_response(failure: Failure) -> Response:
    """The error shape of FastAPI."""
    return make_response(jsonify({"detail": failure.message}), failure.status)


@blueprint.post("/asr", responses=RESPONSES, openapi_extensions=BODY)
def create_asr_transcript(query: AsrQuery) -> Response:
    """Transcribes a recording, as whisper-asr-webservice does."""
    form = AsrForm(query)
    job, _ = submit_form(lambda _fields: form, _rules(query))
    return respond_when_done(job, lambda stored: _rendered(stored, query), keep_alive_for(query.output))


@blueprint.post("/detect-language", responses={200: DetectedLanguage, **FAILURES}, openapi_extensions=BODY)
def detect_language(query: FileQuery) -> Response:
    """Detects the language of the first 30 seconds of a recording."""
    with received_form(_rules(query)) as upload:
        found = appliance().language_detection.detect(upload.path, Path(upload.name).suffix)
    return jsonify(
        DetectedLanguage(
            detected_language=english_name(found.language),
            language_code=found.language,
            confidence=round(found.language_probability, 4),
        ).model_dump()
    )


def _rules(query: FileQuery) -> FileRules:
    if query.encode:
        return FileRules((FIELD,))
    return FileRules((FIELD,), check_type=False, extension=".s16le")


def _rendered(stored: StoredTranscript, query: AsrQuery) -> Response:
    transcript = stored.transcript
    if query.output == "json":
        segments = [
            {name: each[name] for name in SEGMENT_FIELDS if name in each}
            for each in to_dict(transcript)["segments"]
        ]
        body: dict[str, Any] = {
            "text": transcript.text, "segments": segments, "language": transcript.language,
        }  # fmt: skip
        return jsonify(body)
    response = Response(render(transcript, query.output), mimetype="text/plain")
    response.headers["Content-Disposition"] = attachment(f"{stored.summary.title}.{query.output}")
    return response
