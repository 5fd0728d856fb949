"""The jobs of the actor: list, read and cancel."""

from typing import Literal

from flask import Response, jsonify
from pydantic import BaseModel, Field

from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import JOBS, error_responses
from whisper_appliance.web.schemas.job import JobPath, job_response, text_so_far
from whisper_appliance.web.schemas.transcript import JobList, JobResponse

blueprint = LazyBlueprint("jobs", __name__, url_prefix="/api/jobs", abp_tags=[JOBS])


class JobListQuery(BaseModel):
    """Which jobs to list."""

    limit: int = Field(100, ge=1, le=200, description="Most jobs in one answer.")
    cursor: str | None = Field(None, description="`next` of the page before.", pattern=ID_REGEX)
    status: Literal["queued", "running", "done", "failed", "cancelled"] | None = Field(
        None, description="Only those with this status."
    )


@blueprint.get("", responses={200: JobList, **error_responses(400, 401, 403, 503)})
def list_jobs(query: JobListQuery) -> Response:
    """The jobs of the caller, of the last day, newest first, page by page; without their text."""
    jobs, cursor = appliance().queue.page(
        require("read").owner, limit=query.limit, cursor=query.cursor, status=query.status
    )
    listed = [job_response(appliance(), job) for job in jobs]
    return jsonify(localized({"jobs": listed, "next": cursor}))


@blueprint.get(
    "/<hex32:id>",
    responses={200: JobResponse, **error_responses(401, 403, 404, 503)},
    operation_id="jobs_read__hex32_id__get",
)
def get_job(path: JobPath) -> Response:
    """One job, how far it is, and its text so far."""
    job = resources.authorized_job(path.id, "read")
    return jsonify(localized(job_response(appliance(), job, text=text_so_far(appliance(), job))))


@blueprint.delete(
    "/<hex32:id>",
    responses={200: JobResponse, **error_responses(401, 403, 404, 409, 503)},
    operation_id="jobs_cancel__hex32_id__delete",
)
def cancel_job(path: JobPath) -> Response:
    """Cancels a job; a running one stops after the window of audio it is at."""
    resources.authorized_job(path.id, "cancel")
    return jsonify(job_response(appliance(), appliance().queue.cancel(path.id)))


@blueprint.post(
    "/<hex32:id>/retry",
    responses={200: JobResponse, **error_responses(401, 403, 404, 409, 429, 503)},
    operation_id="jobs_retry__hex32_id__post",
)
def retry_job(path: JobPath) -> Response:
    """Queues a failed or cancelled job again. Its upload is kept for a day, so it need not be sent anew."""
    resources.authorized_job(path.id, "transcribe")
    return jsonify(localized(job_response(appliance(), appliance().queue.retry(path.id))))
