"""The jobs of the actor: list, read, order, pause, cancel and retry."""

from typing import Literal

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import JOBS, error_responses
from whisper_appliance.web.schemas.job import JobPath, job_response, text_so_far
from whisper_appliance.web.schemas.transcript import JobList, JobResponse

blueprint = LazyBlueprint("jobs", __name__, url_prefix="/api/jobs", abp_tags=[JOBS])


class JobListQuery(Schema):
    """Which jobs to list."""

    limit: int = Field(100, ge=1, le=200, description="Most jobs in one answer.")
    cursor: str | None = Field(None, description="`next` of the page before.", pattern=ID_REGEX)
    status: Literal["queued", "running", "done", "failed", "cancelled"] | None = Field(
        None, description="Only those with this status."
    )


class MoveBody(Schema):
    """Where a job is moved to."""

    before: str | None = Field(
        description="Id of the job that is to come next; null: behind all others.", pattern=ID_REGEX
    )


@blueprint.get("", responses={200: JobList, **error_responses(400, 401, 403, 503)})
def list_jobs(query: JobListQuery) -> Response:
    """The jobs of the caller, of the last day, newest first, page by page; without their text."""
    owner, queue = require("read").owner, appliance().queue
    jobs, cursor = queue.page(owner, limit=query.limit, cursor=query.cursor, status=query.status)
    waiting = queue.waiting()
    listed = [job_response(appliance(), job, waiting=waiting) for job in jobs]
    return jsonify(localized({"jobs": listed, "paused": queue.is_paused(owner), "next": cursor}))


@blueprint.put("/pause", responses={204: None, **error_responses(400, 401, 403, 503, 507)})
def pause_queue() -> tuple[str, int]:
    """Pauses the queue of the caller: no further job starts. What runs goes on, and uploads are accepted."""
    appliance().queue.pause(require("transcribe").owner)
    return "", 204


@blueprint.delete("/pause", responses={204: None, **error_responses(401, 403, 503, 507)})
def resume_queue() -> tuple[str, int]:
    """Continues the queue of the caller."""
    appliance().queue.resume(require("transcribe").owner)
    return "", 204


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
    "/<hex32:id>/move",
    responses={200: JobResponse, **error_responses(400, 401, 403, 404, 409, 503, 507)},
    operation_id="jobs_move__hex32_id__post",
)
def move_job(path: JobPath, body: MoveBody) -> Response:
    """Moves a waiting job among those of its owner. Jobs of others keep their turn."""
    job = resources.authorized_job(path.id, "transcribe")
    return jsonify(
        localized(job_response(appliance(), appliance().queue.move(job.id, job.owner, body.before)))
    )


@blueprint.post(
    "/<hex32:id>/retry",
    responses={200: JobResponse, **error_responses(401, 403, 404, 409, 429, 503)},
    operation_id="jobs_retry__hex32_id__post",
)
def retry_job(path: JobPath) -> Response:
    """Queues a failed or cancelled job again. Its upload is kept for a day, so it need not be sent anew."""
    resources.authorized_job(path.id, "transcribe")
    return jsonify(localized(job_response(appliance(), appliance().admission.retry(path.id))))
