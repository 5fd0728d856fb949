"""Usage by user, API key and period, as JSON and as a table: what a bill or a budget is made from."""

from collections.abc import Iterator
from datetime import UTC, datetime

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.accounts.usage import UsageLine, UsagePeriod
from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only
from whisper_appliance.core.csv_line import csv_line
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.content_disposition import attachment
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses, text_response

blueprint = admin_only(LazyBlueprint("admin_usage", __name__, abp_tags=[ADMIN]))

DAY_REGEX = r"^(\d{4}-\d\d-\d\d)?$"


class UsageQuery(Schema):
    """What is to be counted."""

    since: str = Field("", pattern=DAY_REGEX, description="First day (UTC), 2026-03-01.")
    until: str = Field("", pattern=DAY_REGEX, description="Last day (UTC), included.")
    by: UsagePeriod = Field("month", description="Period of a line; `all` is one line for user and key.")


class UsageLineResponse(Schema):
    """The usage of one user with one key in one period."""

    period: str = Field(description="A day, a month, or empty for all.", examples=["2026-03"])
    user: str = Field(description="Id of the user; empty for visitors.")
    user_name: str = Field(description="Empty for visitors, and for a user who was deleted.")
    key: str = Field(description="Id of the API key; empty for what was done without one.")
    key_name: str = Field(description="Empty without a key, and for one that was deleted.")
    jobs: int
    audio_seconds: float
    processing_seconds: float = Field(description="Time that the engine worked on it.")


class UsageResponse(Schema):
    """Lines, the latest period first. Two years are kept."""

    usage: list[UsageLineResponse]


@blueprint.get("/api/admin/usage", responses={200: UsageResponse, **error_responses(400, *ADMIN_ERRORS, 503)})
def get_usage(query: UsageQuery) -> Response:
    """Jobs, audio and working time of each user and API key, by day, by month or in all."""
    return jsonify({"usage": [_response(line).model_dump() for line in _lines(query)]})


@blueprint.get(
    "/api/admin/usage.csv",
    responses={
        200: text_response("The same as a table.", "text/csv"),
        **error_responses(400, *ADMIN_ERRORS, 503),
    },
)
def export_usage(query: UsageQuery) -> Response:
    """The usage as a table for a spreadsheet."""
    response = Response(_table(_lines(query)), mimetype="text/csv")
    day = datetime.now(UTC).date().isoformat()
    response.headers["Content-Disposition"] = attachment(f"usage {day}.csv")
    return response


def _lines(query: UsageQuery) -> tuple[UsageLine, ...]:
    return appliance().usage.report(query.by, since=query.since, until=query.until)


def _table(lines: tuple[UsageLine, ...]) -> Iterator[str]:
    yield csv_line(list(UsageLineResponse.model_fields))
    for line in lines:
        yield csv_line([str(cell) for cell in _response(line).model_dump().values()])


def _response(line: UsageLine) -> UsageLineResponse:
    return UsageLineResponse(
        period=line.period,
        user=line.owner,
        user_name=line.owner_name,
        key=line.key_id,
        key_name=line.key_name,
        jobs=line.jobs,
        audio_seconds=round(line.audio_seconds, 3),
        processing_seconds=round(line.processing_seconds, 3),
    )
