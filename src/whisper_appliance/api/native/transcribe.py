"""POST /transcribe: a file in, a transcript out."""

from collections.abc import Mapping

from flask import Response, after_this_request, jsonify, request, url_for
from flask_openapi3.types import ResponseDict

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.api.native import transcripts
from whisper_appliance.api.native.transcribe_form import TranscribeForm, form_schema, read_form
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.audio import decode
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.job import Job, JobRequest
from whisper_appliance.web import idempotency
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.errors import error_response, status_of_code
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.multipart_form import Upload
from whisper_appliance.web.openapi import SPEECH, error_responses, reference
from whisper_appliance.web.schemas.job import job_response
from whisper_appliance.web.schemas.transcript import JobResponse
from whisper_appliance.web.uploads import drain

blueprint = LazyBlueprint("transcribe", __name__, abp_tags=[SPEECH])

ANSWERS: ResponseDict = {
    **transcripts.ANSWERED,
    202: {
        "description": "The job goes on; ask for it at the address in Location.",
        "headers": {"Location": {"description": "Address of the job.", "schema": {"type": "string"}}},
        "content": {"application/json": {"schema": reference(JobResponse)}},
    },
    **error_responses(400, 401, 403, 408, 409, 411, 413, 415, 422, 429, 503, 507),
}
BODY = {"required": True, "content": {"multipart/form-data": {"schema": form_schema()}}}
ASKED = {"requestBody": BODY, "parameters": [idempotency.PARAMETER]}


@blueprint.post(
    "/transcribe",
    responses=ANSWERS,
    openapi_extensions=ASKED,
    operation_id="transcribe_transcribe_transcribe_post",
)
def create_transcription() -> Response:
    """Transcribes one file.

    Answers with the transcript, or with the job when the transcript takes longer than the appliance waits.
    """
    after_this_request(_read_on_if_refused)
    asking = require("transcribe")
    web_context().uploads.check(request)
    waiting_limit = appliance().admission.check_upload(asking.owner, request.content_length or 0)
    with web_context().uploads.slot(asking.owner or f"address {request.remote_addr}"):
        decode.prepare()
        with web_context().uploads.receive(request, _check) as upload:
            form = read_form(upload.fields)
            job = _put(upload, form, asking, waiting_limit)
    return _accepted(job) if form.asynchronous else _awaited(job, form)


def _check(fields: Mapping[str, str]) -> None:
    """Refuses wrong options, and a model that is not there, as soon as they are known."""
    form = read_form(fields)
    check_ready(appliance().models, form.model, language=form.language, task=form.task)


def _put(upload: Upload, form: TranscribeForm, asking: Actor, waiting_limit: int) -> Job:
    job = appliance().queue.enqueue(
        JobRequest(
            id=upload.path.name,
            audio=upload.path,
            owner=asking.owner,
            key_id=asking.key,
            waiting_limit=waiting_limit,
            filename=upload.name,
            options=form.options(),
            model=form.model,
            priority=Priority.INTERACTIVE,
            idempotency=idempotency.idempotency_key(upload, form.options(), form.model),
        )
    )
    upload.handed_over = job.id == upload.path.name
    if not upload.handed_over:
        after_this_request(idempotency.mark_replayed)
    return job


def _accepted(job: Job) -> Response:
    response = jsonify(job_response(appliance(), job))
    response.status_code = 202
    response.headers["Location"] = url_for("jobs.get_job", id=job.id)
    return response


def _awaited(job: Job, form: TranscribeForm) -> Response:
    job = appliance().queue.wait(job.id, timeout_seconds=appliance().settings.wait_seconds)
    if job.status == "done" and job.transcript_id:
        return transcripts.answer(appliance().transcripts.get(job.transcript_id, job.owner), form.format)
    if job.status in ("failed", "cancelled"):
        return _failed(job)
    return _accepted(job)


def _failed(job: Job) -> Response:
    code = job.error.code if job.error else job.status
    message = job.error.message if job.error else "The job was cancelled."
    return error_response(status_of_code(code), code, message)


def _read_on_if_refused(response: Response) -> Response:
    if response.status_code >= 400:
        environ = request.environ
        response.call_on_close(lambda: drain(environ))
    return response
