"""The workers on one PostgreSQL database: their heartbeats, and taking over the jobs of a stale one."""

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only
from whisper_appliance.core.schema import Schema
from whisper_appliance.jobs.workers import WorkerInfo
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses
from whisper_appliance.web.schemas.transcript import UtcTime

blueprint = admin_only(
    LazyBlueprint("admin_workers", __name__, url_prefix="/api/admin/workers", abp_tags=[ADMIN])
)


class WorkerPath(Schema):
    """The address of a worker."""

    id: str = Field(description="Names its data folder.", pattern="^[0-9a-f]{16}$")


class WorkerRow(Schema):
    """An appliance on the same database. Its jobs are those that nobody else may go on with meanwhile."""

    id: str
    host: str
    version: str
    started: str = UtcTime
    last_seen: str = UtcTime
    silent: bool = Field(description="Whether it has said nothing for a minute; then it can be taken over.")
    here: bool = Field(description="Whether it is the one that answers.")
    shared: bool = Field(description="Whether the recordings of its jobs are in this one's STORAGE_URL too.")
    running: int
    waiting: int


class WorkerRows(Schema):
    """All of them by host; none where the database is SQLite, on which one appliance is alone."""

    workers: list[WorkerRow]


class TakeOverBody(Schema):
    """What is agreed to."""

    losing: bool = Field(
        False, description="Whether jobs whose recordings lie on that machine alone may fail for it."
    )


class TakeOverResponse(Schema):
    """What became of its jobs."""

    freed: int = Field(description="Jobs that go on from the windows that were finished.")
    failed: int = Field(description="Jobs that failed; their recordings have to be uploaded again.")


@blueprint.get("", responses={200: WorkerRows, **error_responses(*ADMIN_ERRORS, 503)})
def list_workers() -> Response:
    """The appliances on the same PostgreSQL database, with the jobs each of them holds."""
    return jsonify(WorkerRows(workers=worker_rows()).model_dump())


def worker_rows() -> list[WorkerRow]:
    """All appliances on the same database as rows."""
    return [_row(worker) for worker in appliance().queue.cluster.workers()]


@blueprint.post(
    "/<id>/take-over",
    responses={200: TakeOverResponse, **error_responses(400, *ADMIN_ERRORS, 404, 409, 503)},
)
def take_over(path: WorkerPath, body: TakeOverBody) -> Response:
    """Takes the jobs of a silent worker over; 409 while it lives, or where jobs would fail that may not."""
    actor = require("oversee")
    result = appliance().queue.cluster.take_over(path.id, allow_loss=body.losing)
    counts = {"freed": len(result.freed), "failed": len(result.failed)}
    appliance().audit.record(actor, "worker.take-over", path.id, {"host": result.host, **counts})
    return jsonify(counts)


def _row(worker: WorkerInfo) -> WorkerRow:
    cluster = appliance().queue.cluster
    return WorkerRow(
        id=worker.id,
        host=worker.host,
        version=worker.version,
        started=worker.started,
        last_seen=worker.last_seen,
        silent=worker.is_stale,
        here=worker.id == cluster.worker_id,
        shared=cluster.shares_storage(worker),
        running=worker.running,
        waiting=worker.waiting,
    )
