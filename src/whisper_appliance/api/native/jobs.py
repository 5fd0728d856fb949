"""The jobs of whoever asks: listed, watched, cancelled."""

from flask import Response, jsonify
from pydantic import BaseModel, Field

from whisper_appliance.web import things
from whisper_appliance.web.answers import JobAnswer, JobList
from whisper_appliance.web.documented import Blueprint
from whisper_appliance.web.job_answers import job_answer, text_so_far
from whisper_appliance.web.openapi import JOBS, failures
from whisper_appliance.web.parts import appliance
from whisper_appliance.web.who import require

blueprint = Blueprint("jobs", __name__, url_prefix="/api/jobs", abp_tags=[JOBS])


class JobPath(BaseModel):
    """The address of a job."""

    id: str = Field(description="Id of the job.", pattern="^[0-9a-f]{32}$")


@blueprint.get("", responses={200: JobList, **failures(401, 403, 503)})
def list_jobs() -> Response:
    """The jobs of whoever asks, of the last day, newest first, finished ones included; without their text."""
    jobs = appliance().queue.list(require("read").owner)
    return jsonify({"jobs": [job_answer(appliance(), job) for job in jobs]})


@blueprint.get("/<hex32:id>", responses={200: JobAnswer, **failures(401, 403, 404, 503)})
def read(path: JobPath) -> Response:
    """One job, how far it is, and its text so far."""
    job = things.job(path.id, "read")
    return jsonify(job_answer(appliance(), job, text=text_so_far(appliance(), job)))


@blueprint.delete("/<hex32:id>", responses={200: JobAnswer, **failures(401, 403, 404, 409, 503)})
def cancel(path: JobPath) -> Response:
    """Cancels a job; a running one stops after the window of audio it is at."""
    things.job(path.id, "cancel")
    return jsonify(job_answer(appliance(), appliance().queue.cancel(path.id)))
