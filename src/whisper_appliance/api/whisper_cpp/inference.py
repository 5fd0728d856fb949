"""POST /inference and POST /load, as whisper.cpp's server has them."""

from typing import Any, Literal

from flask import Response, jsonify, make_response, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from whisper_appliance.core.errors import NotFound
from whisper_appliance.core.schema import Schema
from whisper_appliance.engines.contract import Options
from whisper_appliance.library.transcript_rows import StoredTranscript
from whisper_appliance.transcript.codec import to_dict
from whisper_appliance.transcript.formats import render
from whisper_appliance.transcript.languages import english_name, language_code
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.errors import invalid_input
from whisper_appliance.web.http_api import Failure
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.multipart_form import FileRules, FormFields
from whisper_appliance.web.openapi import SPEECH, SYSTEM, transcript_responses, upload_failures
from whisper_appliance.web.transcription_requests import keep_alive_for, respond_when_done, submit_form

blueprint = LazyBlueprint("whisper_cpp", __name__)


class InferenceForm(Schema):
    """The fields beside the file. Those of the program that have no meaning here are ignored."""

    model_config = ConfigDict(extra="ignore")

    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] = Field(
        "json", description="Form of the transcript."
    )
    language: str | None = Field(None, description="Code of the language; `auto` (default): detected.")
    translate: bool = Field(False, description="Write English.")
    prompt: str | None = Field(None, max_length=4000, description="Text that comes before.")
    temperature: float | None = Field(None, ge=0, le=1, description="Randomness; 0 rises where it fails.")

    @field_validator("language")
    @classmethod
    def _to_code(cls, value: str | None) -> str | None:
        return None if value is None else language_code(value)

    @property
    def model(self) -> str | None:
        """The default model."""
        return None

    def options(self) -> Options:
        """The transcription options."""
        return Options(
            language=self.language,
            task="translate" if self.translate else "transcribe",
            prompt=self.prompt,
            temperature=self.temperature or None,
            word_timestamps=self.response_format == "verbose_json",
        )


class PlainErrorResponse(Schema):
    """The response to every failed request."""

    error: str


class LoadForm(Schema):
    """The model to be used from now on."""

    model: str = Field(max_length=200, description="Name of an installed model.")


def _form_body(form: type[BaseModel], *, file: bool) -> dict[str, Any]:
    schema = form.model_json_schema()
    schema.pop("additionalProperties", None)
    if file:
        upload = {"type": "string", "format": "binary", "description": "The recording."}
        schema["properties"] = {"file": upload, **schema["properties"]}
        schema["required"] = ["file"]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


FAILURES = upload_failures(PlainErrorResponse)
RESPONSES = transcript_responses(FAILURES, "text/plain")


def error_response(failure: Failure) -> Response:
    """The error shape of whisper.cpp's server."""
    return make_response(jsonify({"error": failure.message}), failure.status)


@blueprint.post(
    "/inference", responses=RESPONSES, tags=[SPEECH], openapi_extensions=_form_body(InferenceForm, file=True)
)
def create_inference() -> Response:
    """Transcribes a recording, as whisper.cpp's server does."""
    job, form = submit_form(_read_form, FileRules())
    return respond_when_done(
        job, lambda stored: _rendered(stored, form), keep_alive_for(form.response_format)
    )


@blueprint.post(
    "/load",
    responses={200: {"description": "It is used from now on.", "content": {"text/plain": {}}}, **FAILURES},
    tags=[SYSTEM],
    openapi_extensions=_form_body(LoadForm, file=False),
)
def load_model() -> Response:
    """Makes an installed model the default one; for admins."""
    actor, name = require("administer"), request.form.get("model", "")
    model = appliance().models.get_model(name)
    if model is None or not model.installed:
        raise NotFound("The model {name!r} is not on this machine.", name=name[:100], field="model")
    appliance().model_admin.make_default(name, by=actor.user.name if actor.user else "")
    record("model.default", name)
    return Response("Load was successful!", mimetype="text/plain")


def _read_form(fields: FormFields) -> InferenceForm:
    try:
        return InferenceForm.model_validate({name: value for name, value in fields.items() if value.strip()})
    except ValidationError as error:
        raise invalid_input(error) from None


def _rendered(stored: StoredTranscript, form: InferenceForm) -> Response:
    transcript = stored.transcript
    match form.response_format:
        case "json":
            return jsonify({"text": transcript.text})
        case "verbose_json":
            language = english_name(transcript.language)
            body = {
                "task": transcript.task, "language": language, "duration": round(transcript.duration, 3),
                "text": transcript.text, "segments": to_dict(transcript)["segments"],
            }  # fmt: skip
            return jsonify(body)
        case "text":
            return Response(transcript.text + "\n", mimetype="text/plain")
        case name:
            return Response(render(transcript, name), mimetype="text/plain")
