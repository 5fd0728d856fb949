"""Health check and status."""

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify

from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import localized
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import SYSTEM, error_responses
from whisper_appliance.web.schemas.transcript import HealthResponse, StatusResponse

blueprint = LazyBlueprint("status", __name__, abp_tags=[SYSTEM])


@blueprint.get(
    "/health",
    responses={200: HealthResponse, **error_responses()},
    operation_id="status_health_health_get",
)
def get_health() -> Response:
    """Whether the appliance can do its work: `ok`, or `degraded` with reasons. Never waits, always 200."""
    return _uncached(asdict(appliance().health()))


@blueprint.get(
    "/api/status",
    responses={200: StatusResponse, **error_responses()},
    operation_id="status_status_api_status_get",
)
def get_status() -> Response:
    """Versions, models, engine, queue, limits, uptime and host."""
    return _uncached(asdict(appliance().status()))


def _uncached(status: dict[str, Any]) -> Response:
    response = jsonify(localized(status))
    response.headers["Cache-Control"] = "no-store"
    return response
