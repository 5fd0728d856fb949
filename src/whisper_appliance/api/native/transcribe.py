"""POST /transcribe: receives a recording, and responds with its transcript or its job."""

from collections.abc import Mapping

from flask import Response, after_this_request, jsonify, request, url_for
from flask_openapi3.types import ResponseDict

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.api.native import transcripts
from whisper_appliance.api.native.transcribe_form import TranscribeForm, form_schema, read_form
from whisper_appliance.app.submit_recording import ReceivedRecording, Submission
from whisper_appliance.jobs.job import Job
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.errors import error_response, status_of_code
from whisper_appliance.web.idempotency import PARAMETER, idempotency_key, mark_replayed
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.limits.rates import request_network
from whisper_appliance.web.multipart_form import Upload
from whisper_appliance.web.openapi import SPEECH, error_responses, reference
from whisper_appliance.web.schemas.job import job_response
from whisper_appliance.web.schemas.transcript import JobResponse
from whisper_appliance.web.uploads import drain

blueprint = LazyBlueprint("transcribe", __name__, abp_tags=[SPEECH])

RESPONSES: ResponseDict = {
    **transcripts.TRANSCRIPT_RESPONSE,
    202: {
        "description": "The job goes on; ask for it at the address in Location.",
        "headers": {"Location": {"description": "Address of the job.", "schema": {"type": "string"}}},
        "content": {"application/json": {"schema": reference(JobResponse)}},
    },
    **error_responses(400, 401, 403, 408, 409, 411, 413, 415, 422, 429, 503, 507),
}
BODY = {"required": True, "content": {"multipart/form-data": {"schema": form_schema()}}}
EXTENSIONS = {"requestBody": BODY, "parameters": [PARAMETER]}


@blueprint.post(
    "/transcribe",
    responses=RESPONSES,
    openapi_extensions=EXTENSIONS,
    operation_id="transcribe_transcribe_transcribe_post",
)
def create_transcription() -> Response:
    """Transcribes one file.

    Answers with the transcript, or with the job when the transcript takes longer than the appliance waits.
    """
    after_this_request(_drain_if_rejected)
    actor, uploads, submit = require("transcribe"), web_context().uploads, appliance().submit_recording
    uploads.check(request)
    waiting_limit = submit.admit(actor.owner, request.content_length or 0)
    with uploads.slot(actor.owner or f"address {request.remote_addr}"):
        submit.prepare()
        with uploads.receive(request, _check_fields) as upload:
            form = read_form(upload.fields)
            submitted = submit.submit(_submission(upload, form, actor, waiting_limit))
            upload.handed_over = not submitted.replayed
    if submitted.replayed:
        after_this_request(mark_replayed)
    return _accepted(submitted.job) if form.asynchronous else _when_done(submitted.job, form)


def _check_fields(fields: Mapping[str, str]) -> None:
    """Rejects invalid options and a missing model before the file is read."""
    form = read_form(fields)
    appliance().submit_recording.check_ready(form.model, language=form.language, task=form.task)


def _submission(upload: Upload, form: TranscribeForm, actor: Actor, waiting_limit: int) -> Submission:
    return Submission(
        ReceivedRecording(upload.path, upload.name, upload.sha256, upload.received_at),
        form.options(),
        form.model,
        owner=actor.owner,
        api_key_id=actor.key,
        client=actor.owner or f"nobody at {request_network()}",
        waiting_limit=waiting_limit,
        idempotency_key=idempotency_key(),
    )


def _accepted(job: Job) -> Response:
    response = jsonify(job_response(appliance(), job))
    response.status_code = 202
    response.headers["Location"] = url_for("jobs.get_job", id=job.id)
    return response


def _when_done(job: Job, form: TranscribeForm) -> Response:
    job = appliance().queue.wait(job.id, timeout_seconds=appliance().settings.wait_seconds)
    if job.status == "done" and job.transcript_id:
        return transcripts.transcript_response(
            appliance().transcripts.get(job.transcript_id, job.owner), form.format
        )
    if job.status in ("failed", "cancelled"):
        return _failed(job)
    return _accepted(job)


def _failed(job: Job) -> Response:
    code = job.error.code if job.error else job.status
    message = job.error.message if job.error else "The job was cancelled."
    return error_response(status_of_code(code), code, message)


def _drain_if_rejected(response: Response) -> Response:
    if response.status_code >= 400:
        environ = request.environ
        response.call_on_close(lambda: drain(environ))
    return response
