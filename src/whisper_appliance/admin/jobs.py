"""The jobs of all users: state, progress and errors, never titles or text."""

from typing import Literal

from flask import Response, jsonify, render_template
from pydantic import Field

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.admin.live import SessionRows, session_rows
from whisper_appliance.admin.owner_names import OwnerResponse, owner_names
from whisper_appliance.admin.workers import WorkerRow, worker_rows
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.admin_queries import HANDLE_REGEX, JobSummary
from whisper_appliance.jobs.job import JobError
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses
from whisper_appliance.web.schemas.transcript import JobErrorResponse, UtcTime

blueprint = admin_only(LazyBlueprint("admin_jobs", __name__, abp_tags=[ADMIN]))

StatusName = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: dict[str, tuple[StatusName, ...]] = {
    "all": (),
    "unfinished": ("running", "queued"),
    "queued": ("queued",),
    "running": ("running",),
    "failed": ("failed",),
    "done": ("done",),
    "cancelled": ("cancelled",),
}


class JobHandlePath(Schema):
    """The address of somebody's job."""

    handle: str = Field(description="The first 16 digits of the job's id.", pattern=HANDLE_REGEX)


class JobsQuery(Schema):
    """Which jobs."""

    state: Literal["all", "unfinished", "queued", "running", "failed", "done", "cancelled"] = Field(
        "all", description="Only jobs in this state."
    )
    owner: str | None = Field(None, description="Only the jobs of the user with this id.", pattern=ID_REGEX)
    limit: int = Field(50, ge=1, le=200, description="How many at most.")
    before: int | None = Field(None, ge=1, lt=2**63, description="`next` of the page before.")
    with_activity: bool = Field(False, description="Also the live sessions and the workers, in one request.")


class JobRow(Schema):
    """A job without its words. `handle` is the first half of its id; the whole opens what is nobody's."""

    handle: str
    owner: OwnerResponse
    status: StatusName
    priority: Literal["interactive", "batch", "live"]
    progress: float = Field(ge=0, le=1)
    error: JobErrorResponse | None
    waiting: JobErrorResponse | None = Field(description="Why a queued job was postponed.")
    source: str = Field(examples=["upload"])
    model: str
    audio_bytes: int
    duration: float | None = Field(description="Seconds of audio, as far as known.")
    attempts: int = Field(description="How often it was started.")
    first: bool = Field(description="Whether an admin gave it precedence over all others.")
    stopping: bool = Field(description="Whether it was cancelled and ends at its next window.")
    created: str = UtcTime
    started: str | None
    finished: str | None


class UserName(Schema):
    """A user to choose."""

    id: str
    name: str


class JobRows(Schema):
    """One page of jobs, newest first."""

    jobs: list[JobRow]
    next: int | None = Field(description="`before` of the next page; null on the last one.")
    counts: dict[str, int] = Field(description="How many jobs of each state there are.")
    users: list[UserName] = Field(description="Whose jobs there may be.")
    live: SessionRows | None = Field(None, description="With `with_activity`: all live sessions.")
    workers: list[WorkerRow] | None = Field(None, description="With `with_activity`: all workers.")


@blueprint.get(
    "/admin/jobs",
    responses=admin_page("Everybody's jobs and live sessions."),
    operation_id="admin_jobs_page_admin_jobs_get",
)
def jobs_page() -> str:
    """Everybody's jobs and live sessions."""
    return render_template("admin/jobs.html")


@blueprint.get("/api/admin/jobs", responses={200: JobRows, **error_responses(400, *ADMIN_ERRORS, 503)})
def list_jobs(query: JobsQuery) -> Response:
    """Everybody's jobs of the last month, newest first; never their words or titles."""
    queries = appliance().job_queries
    found = queries.page(
        statuses=STATES[query.state], owner=query.owner, limit=query.limit, before=query.before
    )
    users = appliance().accounts.users.list_users()
    name_of = owner_names(users)
    rows = JobRows(
        jobs=[_row(job, name_of(job.owner)) for job in found.jobs],
        next=found.next_before,
        counts={str(state): count for state, count in queries.counts().items()},
        users=[UserName(id=user.id, name=user.name) for user in users],
        live=session_rows(name_of) if query.with_activity else None,
        workers=worker_rows() if query.with_activity else None,
    )
    return jsonify(rows.model_dump())


@blueprint.delete(
    "/api/admin/jobs/<handle>",
    responses={204: None, **error_responses(*ADMIN_ERRORS, 404, 503)},
    operation_id="admin_jobs_cancel_api_admin_jobs__handle__delete",
)
def cancel_job(path: JobHandlePath) -> tuple[str, int]:
    """Cancels somebody's job; a running one stops after the window of audio it is at."""
    actor = require("oversee")
    job = appliance().queue.cancel(appliance().job_queries.id_of(path.handle))
    appliance().audit.record(actor, "job.cancel", path.handle, {"owner": job.owner})
    return "", 204


@blueprint.post(
    "/api/admin/jobs/<handle>/first",
    responses={204: None, **error_responses(*ADMIN_ERRORS, 404, 409, 503, 507)},
    operation_id="admin_jobs_first_api_admin_jobs__handle__first_post",
)
def put_job_first(path: JobHandlePath) -> tuple[str, int]:
    """Lets somebody's waiting job start before all others."""
    actor = require("oversee")
    job = appliance().queue.put_first(appliance().job_queries.id_of(path.handle))
    appliance().audit.record(actor, "job.first", path.handle, {"owner": job.owner})
    return "", 204


def _error_response(error: JobError | None) -> JobErrorResponse | None:
    return JobErrorResponse(code=error.code, message=error.message) if error else None


def _row(job: JobSummary, owner: OwnerResponse) -> JobRow:
    names: dict[int, Literal["interactive", "batch", "live"]] = {
        Priority.LIVE: "live",
        Priority.INTERACTIVE: "interactive",
        Priority.BATCH: "batch",
    }
    return JobRow(
        handle=job.handle,
        owner=owner,
        status=job.status,
        priority=names[job.priority],
        progress=round(job.progress, 4),
        error=_error_response(job.error),
        waiting=_error_response(job.waiting),
        source=job.source,
        model=job.model or appliance().models.default,
        audio_bytes=job.audio_bytes,
        duration=job.duration,
        attempts=job.attempts,
        first=job.precedence > 0,
        stopping=job.cancel_requested and job.status == "running",
        created=job.created,
        started=job.started,
        finished=job.finished,
    )
