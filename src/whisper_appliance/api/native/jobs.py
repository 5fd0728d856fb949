"""The jobs of whoever asks: listed, watched, cancelled."""

from flask import Response, jsonify

from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import JOBS, failures
from whisper_appliance.web.schemas.job import JobPath, job_answer, text_so_far
from whisper_appliance.web.schemas.transcript import JobAnswer, JobList

blueprint = Blueprint("jobs", __name__, url_prefix="/api/jobs", abp_tags=[JOBS])


@blueprint.get("", responses={200: JobList, **failures(401, 403, 503)})
def list_jobs() -> Response:
    """The jobs of whoever asks, of the last day, newest first, finished ones included; without their text."""
    jobs = appliance().queue.list(require("read").owner)
    return jsonify({"jobs": [job_answer(appliance(), job) for job in jobs]})


@blueprint.get("/<hex32:id>", responses={200: JobAnswer, **failures(401, 403, 404, 503)})
def read(path: JobPath) -> Response:
    """One job, how far it is, and its text so far."""
    job = resources.job(path.id, "read")
    return jsonify(job_answer(appliance(), job, text=text_so_far(appliance(), job)))


@blueprint.delete("/<hex32:id>", responses={200: JobAnswer, **failures(401, 403, 404, 409, 503)})
def cancel(path: JobPath) -> Response:
    """Cancels a job; a running one stops after the window of audio it is at."""
    resources.job(path.id, "cancel")
    return jsonify(job_answer(appliance(), appliance().queue.cancel(path.id)))
