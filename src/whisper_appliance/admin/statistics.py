"""Statistics: transcripts, audio and processing time by day, language, model and source."""

from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Response, jsonify, render_template
from pydantic import Field

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.core.schema import Schema
from whisper_appliance.monitoring.statistics import DayTotal
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses

MAX_DAYS = 3660

blueprint = admin_only(LazyBlueprint("admin_statistics", __name__, abp_tags=[ADMIN]))


class StatisticsQuery(Schema):
    """What is to be counted."""

    days: int | None = Field(
        None, ge=1, le=MAX_DAYS, description="Only the last so many days, today included."
    )
    zone: str = Field(
        "UTC",
        max_length=64,
        description="Time zone whose days are meant; an unknown one is UTC.",
    )


class DayResponse(Schema):
    """The transcripts of one kind that were made on one day."""

    day: str = Field(examples=["2026-03-01"])
    language: str
    model: str
    source: str
    count: int
    audio_seconds: float
    processing_seconds: float


class StatisticsResponse(Schema):
    """What was transcribed, by day and kind, the oldest first. What was deleted for good is not counted."""

    zone: str = Field(description="The time zone of the days.")
    days: list[DayResponse]


@blueprint.get(
    "/admin/statistics",
    responses=admin_page("What was transcribed, in numbers."),
    operation_id="admin_statistics_page_admin_statistics_get",
)
def statistics_page() -> str:
    """What was transcribed, in numbers."""
    return render_template("admin/statistics.html")


@blueprint.get(
    "/api/admin/statistics",
    responses={200: StatisticsResponse, **error_responses(400, *ADMIN_ERRORS, 503)},
    operation_id="admin_statistics_read_api_admin_statistics_get",
)
def get_statistics(query: StatisticsQuery) -> Response:
    """Hours, counts and working time by day, language, model and source."""
    name, zone = _zone(query.zone)
    totals = appliance().statistics.by_day(zone, days=query.days)
    return jsonify({"zone": name, "days": [_day_response(total) for total in totals]})


def _zone(name: str) -> tuple[str, tzinfo]:
    try:
        return name, ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC", UTC


def _day_response(total: DayTotal) -> dict[str, Any]:
    return DayResponse(
        day=total.day,
        language=total.kind.language,
        model=total.kind.model,
        source=total.kind.source,
        count=total.amount.count,
        audio_seconds=total.amount.audio_seconds,
        processing_seconds=round(total.amount.processing_seconds, 3),
    ).model_dump()
