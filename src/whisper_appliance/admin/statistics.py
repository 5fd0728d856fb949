"""What the history holds, in numbers."""

from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Response, jsonify, render_template
from pydantic import BaseModel, Field

from whisper_appliance.admin.admin_only import ADMIN, GATE, admin_page, gated
from whisper_appliance.monitoring.statistics import DayTotal, Statistics
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import failures

MOST_DAYS = 3660

blueprint = gated(Blueprint("admin_statistics", __name__, abp_tags=[ADMIN]))


class StatisticsQuery(BaseModel):
    """What is to be counted."""

    days: int | None = Field(
        None, ge=1, le=MOST_DAYS, description="Only the last so many days, today included."
    )
    zone: str = Field(
        "UTC",
        max_length=64,
        description="Time zone whose days are meant; an unknown one is UTC.",
    )


class DayAnswer(BaseModel):
    """The transcripts of one kind that were made on one day."""

    day: str = Field(examples=["2026-03-01"])
    language: str
    model: str
    source: str
    count: int
    audio_seconds: float
    processing_seconds: float


class StatisticsAnswer(BaseModel):
    """What was transcribed, by day and kind, the oldest first. What was deleted for good is not counted."""

    zone: str = Field(description="The time zone of the days.")
    days: list[DayAnswer]


@blueprint.get("/admin/statistics", responses=admin_page("What was transcribed, in numbers."))
def page() -> str:
    """What was transcribed, in numbers."""
    return render_template("admin/statistics.html")


@blueprint.get("/api/admin/statistics", responses={200: StatisticsAnswer, **failures(400, *GATE, 503)})
def read(query: StatisticsQuery) -> Response:
    """Hours, counts and working time by day, language, model and source."""
    name, zone = _zone(query.zone)
    totals = Statistics(appliance().database).by_day(zone, days=query.days)
    return jsonify({"zone": name, "days": [_answer(total) for total in totals]})


def _zone(name: str) -> tuple[str, tzinfo]:
    try:
        return name, ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC", UTC


def _answer(total: DayTotal) -> dict[str, Any]:
    return DayAnswer(
        day=total.day,
        language=total.kind.language,
        model=total.kind.model,
        source=total.kind.source,
        count=total.amount.count,
        audio_seconds=total.amount.audio_seconds,
        processing_seconds=round(total.amount.processing_seconds, 3),
    ).model_dump()
