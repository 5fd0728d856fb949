"""How the appliance is: for load balancers, for pages, for people."""

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify

from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import SYSTEM, failures
from whisper_appliance.web.schemas.transcript import HealthAnswer, StatusAnswer

blueprint = Blueprint("status", __name__, abp_tags=[SYSTEM])


@blueprint.get("/health", responses={200: HealthAnswer, **failures()})
def health() -> Response:
    """Whether the appliance can do its work: `ok`, or `degraded` with reasons. Never waits, always 200."""
    return _unstored(asdict(appliance().health()))


@blueprint.get("/api/status", responses={200: StatusAnswer, **failures()})
def status() -> Response:
    """Versions, models, engine, queue, limits, uptime and host."""
    return _unstored(asdict(appliance().status()))


def _unstored(facts: dict[str, Any]) -> Response:
    response = jsonify(facts)
    response.headers["Cache-Control"] = "no-store"
    return response
