"""POST /v1/audio/transcriptions and /v1/audio/translations."""

from flask import Response, jsonify

from whisper_appliance.api.openai.form import (
    REFERENCES,
    TranscriptionForm,
    TranslationForm,
    form_schema,
    read_transcription_form,
    read_translation_form,
)
from whisper_appliance.api.openai.schemas import (
    failures,
    plain_response,
    text_body,
    transcript_response,
    verbose_body,
)
from whisper_appliance.api.openai.transcript_stream import TranscriptStream, error_of_rights
from whisper_appliance.library.transcript_rows import StoredTranscript
from whisper_appliance.web import sse
from whisper_appliance.web.auth import resources
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.multipart_form import FileRules, Upload
from whisper_appliance.web.openapi import SPEECH, transcript_responses
from whisper_appliance.web.transcription_requests import keep_alive_for, respond_when_done, submit_form

blueprint = LazyBlueprint("openai_audio", __name__, url_prefix="/v1/audio", abp_tags=[SPEECH])

RULES = FileRules(long_fields=(REFERENCES, f"{REFERENCES}[]"))
RESPONSES = transcript_responses(failures(411, 413, 422, 503, 507), "text/plain", "text/event-stream")


def _body(form: type[TranscriptionForm] | type[TranslationForm]) -> dict[str, object]:
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form_schema(form)}}}
    }


@blueprint.post("/transcriptions", responses=RESPONSES, openapi_extensions=_body(TranscriptionForm))
def create_openai_transcription() -> Response:
    """Transcribes a recording, as OpenAI's API does.

    Long recordings keep the connection alive with line breaks before the body, which clients skip.
    """
    job, form = submit_form(read_transcription_form, RULES, _add_voices)
    if form.stream:
        return sse.sse_response(
            TranscriptStream(appliance(), job, form).frames(),
            lambda: resources.authorized_job(job.id, "read"),
            error_of_rights,
        )
    return respond_when_done(
        job,
        lambda stored: transcript_response(stored.transcript, form),
        keep_alive_for(form.response_format),
    )


def _add_voices(_upload: Upload, form: TranscriptionForm) -> None:
    if samples := form.voice_samples:
        form.add_voices(appliance().voice_samples.embeddings(samples))


@blueprint.post("/translations", responses=RESPONSES, openapi_extensions=_body(TranslationForm))
def create_openai_translation() -> Response:
    """Transcribes a recording in any language into English, as OpenAI's API does."""
    job, form = submit_form(read_translation_form)

    def render(stored: StoredTranscript) -> Response:
        if form.response_format == "json":
            return jsonify({"text": text_body(stored.transcript)["text"]})
        if form.response_format == "verbose_json":
            return jsonify(verbose_body(stored.transcript, words=False, segments=True))
        return plain_response(stored.transcript, form.response_format)

    return respond_when_done(job, render, keep_alive_for(form.response_format))
