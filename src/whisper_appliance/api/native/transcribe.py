"""POST /transcribe: receives a recording, and responds with its transcript or its job."""

from collections.abc import Mapping

from flask import Response, jsonify, url_for
from flask_openapi3.types import ResponseDict

from whisper_appliance.api.native import transcripts
from whisper_appliance.api.native.export import ExportQuery
from whisper_appliance.api.native.remote_recordings import use_recording_from_elsewhere
from whisper_appliance.api.native.transcribe_form import TranscribeForm, form_schema, read_form
from whisper_appliance.core.errors import SignInRequired
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.idempotency import PARAMETER, REUSE_PARAMETER
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.multipart_form import FileRules, FormFields
from whisper_appliance.web.openapi import SPEECH, error_responses, reference
from whisper_appliance.web.schemas.job import job_response
from whisper_appliance.web.schemas.transcript import JobResponse
from whisper_appliance.web.transcription_requests import finished_response, submit_form, wait_for

blueprint = LazyBlueprint("transcribe", __name__, abp_tags=[SPEECH])

RESPONSES: ResponseDict = {
    **transcripts.TRANSCRIPT_RESPONSE,
    202: {
        "description": "The job goes on; its state is at the URL in Location.",
        "headers": {"Location": {"description": "Address of the job.", "schema": {"type": "string"}}},
        "content": {"application/json": {"schema": reference(JobResponse)}},
    },
    **error_responses(400, 401, 403, 408, 409, 411, 413, 415, 422, 429, 503, 507),
}
BODY = {"required": True, "content": {"multipart/form-data": {"schema": form_schema()}}}
EXTENSIONS = {"requestBody": BODY, "parameters": [PARAMETER, REUSE_PARAMETER]}


def read_own_form(fields: FormFields) -> TranscribeForm:
    """The options of a request, with those of the actor's preset that it names. Raises `InvalidRequest`."""
    return read_form(fields, _preset_options)


def _preset_options(name: str) -> Mapping[str, object]:
    user = current_actor().user
    if user is None:
        raise SignInRequired("Sign in to do this.")
    return appliance().presets.find(user.id, name).options


@blueprint.post(
    "/transcribe",
    responses=RESPONSES,
    openapi_extensions=EXTENSIONS,
    operation_id="transcribe_transcribe_transcribe_post",
)
def create_transcription() -> Response:
    """Transcribes one file, the recording at an address, or again the kept recording of a transcript.

    Answers with the transcript, or with the job when the transcript takes longer than the appliance waits.
    """
    job, form = submit_form(read_own_form, FileRules(required=False), use_recording_from_elsewhere)
    if not form.asynchronous:
        job = wait_for(job, appliance().settings.wait_seconds)
    if job.ended and not form.asynchronous:
        query = ExportQuery.model_construct(format=form.format)
        return finished_response(job, lambda stored: transcripts.transcript_response(stored, query))
    response = jsonify(job_response(appliance(), job))
    response.status_code = 202
    response.headers["Location"] = url_for("jobs.get_job", id=job.id)
    return response
