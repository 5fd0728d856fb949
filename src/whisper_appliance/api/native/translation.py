"""The translation that stands beside a transcript: made from its recording or words, read, deleted."""

from dataclasses import asdict

from flask import Response, jsonify, url_for
from pydantic import Field, field_validator

from whisper_appliance.api.native.transcripts import TranscriptPath
from whisper_appliance.app.translate_recording import TranslationRequest
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.schema import Schema
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses
from whisper_appliance.web.schemas.job import job_response
from whisper_appliance.web.schemas.transcript import JobResponse
from whisper_appliance.web.schemas.translation import TranslationState, translation_response

blueprint = LazyBlueprint("translation", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])


class TranslationBody(Schema):
    """How to translate. All may be left out."""

    model: str | None = Field(
        None,
        max_length=200,
        description="Name of a model of Whisper, or of a translator; default: for English from a kept "
        "recording, the model of the transcript if it can translate, or the default one; else a translator.",
    )
    target: str = Field(
        "en",
        max_length=100,
        description="Code or English name of the language to translate into; `targets` of the transcript has "
        "those that are possible.",
    )
    language: str | None = Field(
        None,
        max_length=100,
        description="Code or English name of the language spoken, where the transcript has the wrong one.",
    )

    @field_validator("language")
    @classmethod
    def _to_language_code(cls, value: str | None) -> str | None:
        return None if value is None else language_code(value)

    @field_validator("target")
    @classmethod
    def _to_target_code(cls, value: str) -> str:
        try:
            return language_code(value) or "en"
        except InvalidRequest as error:
            error.field = "target"
            raise


@blueprint.get(
    "/<hex32:id>/translation",
    responses={200: TranslationState, **error_responses(401, 403, 404, 503)},
    operation_id="translation_read__hex32_id__translation_get",
)
def get_translation(path: TranscriptPath) -> Response:
    """The translation beside a transcript, the job that makes it, and the languages that are possible."""
    entry = resources.authorized_transcript(path.id, "read")
    stored = appliance().transcripts.get(entry.id, entry.owner)
    made = appliance().translations.of(path.id)
    job = appliance().queue.translating(path.id)
    return jsonify(
        {
            "translation": translation_response(made) if made else None,
            "job": job_response(appliance(), job) if job else None,
            "targets": [asdict(each) for each in appliance().translate_transcript.targets(stored)],
        }
    )


@blueprint.post(
    "/<hex32:id>/translation",
    responses={202: JobResponse, **error_responses(400, 401, 403, 404, 409, 413, 429, 503, 507)},
    operation_id="translation_create__hex32_id__translation_post",
)
def create_translation(path: TranscriptPath, body: TranslationBody) -> tuple[Response, int]:
    """Translates a transcript, also anew: the one before stays until the job is done.

    English is made from the recording where it is kept; everything else from the words as they are corrected.
    While a job makes it already, the answer is that job. The transcript itself is not changed.
    """
    entry = resources.authorized_transcript(path.id, "edit")
    actor = require("transcribe")
    stored = appliance().transcripts.get(entry.id, entry.owner)
    appliance().admission.check_edit(entry.owner, 0)
    wanted = TranslationRequest(actor.owner, actor.key, body.model, body.language)
    job = appliance().translate_transcript.start(stored, body.target, wanted)
    record("transcript.translate", path.id)
    response = jsonify(job_response(appliance(), job))
    response.headers["Location"] = url_for("jobs.get_job", id=job.id)
    return response, 202


@blueprint.delete(
    "/<hex32:id>/translation",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="translation_delete__hex32_id__translation_delete",
)
def delete_translation(path: TranscriptPath) -> tuple[str, int]:
    """Deletes the translation for good; it can be made again."""
    resources.authorized_transcript(path.id, "edit")
    appliance().translations.delete(path.id)
    record("transcript.delete_translation", path.id)
    return "", 204
