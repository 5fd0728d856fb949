"""Logs: the latest lines, a live stream, the log file, and the support bundle."""

import time
from collections.abc import Generator, Iterator
from typing import Any, Literal

from flask import Response, jsonify, render_template, request
from pydantic import Field

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page, require_admin
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.support_bundle import make_support_bundle
from whisper_appliance.core.clock import now, written
from whisper_appliance.core.schema import Schema
from whisper_appliance.monitoring.logs.file import read_all
from whisper_appliance.monitoring.logs.ring import MAX_LINES, LogFilter, LogLine
from whisper_appliance.web import sse
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses, text_response

HEARTBEAT_SECONDS = 10.0
POLL_SECONDS = 5.0
STREAM_SECONDS = 600.0
"""A stream ends after this time, because access is checked only when it starts."""

LINE_FIELDS = ("timestamp", "level", "event", "logger")

blueprint = admin_only(LazyBlueprint("admin_logs", __name__, abp_tags=[ADMIN]))


class LogQuery(Schema):
    """Which lines."""

    level: Literal["debug", "info", "warning", "error"] = Field("debug", description="This level or above.")
    words: str = Field("", max_length=200, description="Only lines with this text, in upper or lower case.")
    id: str = Field("", max_length=64, description="Only lines of this request, job or live session.")
    limit: int = Field(200, ge=1, le=MAX_LINES, description="How many at most, the newest.")

    def to_filter(self) -> LogFilter:
        """The filter that the log applies."""
        return LogFilter(self.level, self.words, self.id)


class LogLineResponse(Schema):
    """One event. `more` is all that was said beside it."""

    number: int
    time: str
    level: str
    event: str
    logger: str
    more: dict[str, Any]


class LogLines(Schema):
    """Lines in the order in which they were written."""

    lines: list[LogLineResponse]


@blueprint.get(
    "/admin/logs",
    responses=admin_page("The log, as it is written."),
    operation_id="admin_logs_page_admin_logs_get",
)
def logs_page() -> str:
    """The log, as it is written."""
    return render_template("admin/logs.html")


@blueprint.get(
    "/api/admin/logs",
    responses={200: LogLines, **error_responses(400, *ADMIN_ERRORS)},
    operation_id="admin_logs_lines_api_admin_logs_get",
)
def list_lines(query: LogQuery) -> Response:
    """The latest lines since the appliance was started."""
    found = appliance().log_sinks.ring.lines(query.to_filter(), limit=query.limit)
    return jsonify({"lines": [_line_response(line) for line in found]})


@blueprint.get(
    "/api/admin/logs/events",
    responses={
        200: text_response(
            "`event: line` with a line of the log, the latest first, then each as it is written. "
            "Ends after ten minutes; connect again with Last-Event-ID, and nothing is missed.",
            "text/event-stream",
        ),
        **error_responses(400, *ADMIN_ERRORS, 429),
    },
    operation_id="admin_logs_follow_api_admin_logs_events_get",
)
def stream_log(query: LogQuery) -> Response:
    """The log as it is written, as Server-Sent Events."""
    after = request.headers.get("Last-Event-ID", "")
    tail = LogTail(appliance(), query.to_filter(), int(after) if after.isdecimal() else None, query.limit)
    return sse.sse_response(tail.events(), require_admin)


@blueprint.get(
    "/api/admin/logs/file",
    responses={
        200: text_response("All that is kept, a line of JSON an event.", "application/x-ndjson"),
        **error_responses(*ADMIN_ERRORS),
    },
    operation_id="admin_logs_file_api_admin_logs_file_get",
)
def download_log() -> Response:
    """The log files, put together, as a download."""
    record("logs.download")
    return _download(read_all(appliance().log_sinks.folder), "application/x-ndjson", "log.jsonl")


@blueprint.get(
    "/api/admin/support-bundle",
    responses={
        200: {"description": "A zip file.", "content": {"application/zip": {}}},
        **error_responses(*ADMIN_ERRORS, 503),
    },
    operation_id="admin_logs_support_api_admin_support_bundle_get",
)
def download_support_bundle() -> Response:
    """A zip file for those who help: state, settings, log, without secrets, words, titles and names."""
    record("support.download")
    return _download(make_support_bundle(appliance(), written(now())), "application/zip", "support.zip")


class LogTail:
    """Sends one client the lines of the log as they are written."""

    def __init__(
        self, appliance: Appliance, log_filter: LogFilter, last_received: int | None, limit: int
    ) -> None:
        """`last_received` is the number of the client's last line; None: start with the latest `limit`."""
        self._ring = appliance.log_sinks.ring
        self._queue = appliance.queue
        self._filter = log_filter
        self._last_received = last_received
        self._limit = limit

    def events(self) -> Iterator[str]:
        """The stream, for at most `STREAM_SECONDS`."""
        return sse.with_heartbeat(self._frames(), HEARTBEAT_SECONDS)

    def _frames(self) -> Generator[str | None, None, None]:
        end = time.monotonic() + STREAM_SECONDS
        newest = self._ring.wait(-1, 0)
        after = self._last_received or 0
        if after > newest:  # numbers start again with the appliance
            after = 0
        limit = self._limit if after == 0 else MAX_LINES
        yield sse.HEARTBEAT  # sends the headers now
        while time.monotonic() < end and not self._stopping():
            for line in self._ring.lines(self._filter, after=after, limit=limit):
                if line.number <= newest:
                    yield sse.frame("line", _line_response(line), event_id=line.number)
            after, limit = newest, MAX_LINES
            newest = self._ring.wait(newest, POLL_SECONDS, self._stopping)
            yield None

    def _stopping(self) -> bool:
        return self._queue.stopping


def _line_response(line: LogLine) -> dict[str, object]:
    values = line.values
    more = {name: value for name, value in values.items() if name not in LINE_FIELDS}
    time, level, event, logger = (str(values.get(name, "")) for name in LINE_FIELDS)
    return {
        "number": line.number,
        "time": time,
        "level": level,
        "event": event,
        "logger": logger,
        "more": more,
    }


def _download(content: bytes | Iterator[bytes], media_type: str, name: str) -> Response:
    response = Response(content, mimetype=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="whisper-appliance-{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
