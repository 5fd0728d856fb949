"""The log as it is written, the log as a file, and what can be handed to those who help."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

from flask import Response, jsonify, render_template, request
from pydantic import BaseModel, Field

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.support_bundle import make_support_bundle
from whisper_appliance.core.clock import now, written
from whisper_appliance.monitoring.logs.file import read_all
from whisper_appliance.monitoring.logs.ring import MAX_LINES, LogFilter, LogLine
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses, text_response

HEARTBEAT_SECONDS = 10.0
STREAM_SECONDS = 600.0
"""A stream ends now and then, so that whoever may not look any more stops looking."""

FACTS = ("timestamp", "level", "event", "logger")

blueprint = admin_only(LazyBlueprint("admin_logs", __name__, abp_tags=[ADMIN]))


class LogQuery(BaseModel):
    """Which lines."""

    level: Literal["debug", "info", "warning", "error"] = Field("debug", description="This level or above.")
    words: str = Field("", max_length=200, description="Only lines with this text, in upper or lower case.")
    id: str = Field("", max_length=64, description="Only lines of this request, job or live session.")
    limit: int = Field(200, ge=1, le=MAX_LINES, description="How many at most, the newest.")

    def filter(self) -> LogFilter:
        """As the log asks for it."""
        return LogFilter(self.level, self.words, self.id)


class LogLineResponse(BaseModel):
    """One event. `more` is all that was said beside it."""

    number: int
    time: str
    level: str
    event: str
    logger: str
    more: dict[str, Any]


class LogLines(BaseModel):
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
    found = appliance().log_sinks.ring.lines(query.filter(), limit=query.limit)
    return jsonify({"lines": [_shown(line) for line in found]})


@blueprint.get(
    "/api/admin/logs/events",
    responses={
        200: text_response(
            "`event: line` with a line of the log, the latest first, then each as it is written. "
            "Ends after ten minutes; ask again, with Last-Event-ID, and nothing is missed.",
            "text/event-stream",
        ),
        **error_responses(400, *ADMIN_ERRORS, 429),
    },
    operation_id="admin_logs_follow_api_admin_logs_events_get",
)
def stream_log(query: LogQuery) -> Response:
    """The log as it is written, as Server-Sent Events."""
    after = request.headers.get("Last-Event-ID", "")
    streams = web_context().streams
    streams.acquire()
    tail = Tail(appliance(), query.filter(), int(after) if after.isdecimal() else None, query.limit)
    response = Response(tail.events(), mimetype="text/event-stream")
    response.call_on_close(streams.release)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


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


class Tail:
    """Tells one reader what is written."""

    def __init__(
        self,
        appliance: Appliance,
        wanted: LogFilter,
        after: int | None,
        limit: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`after` is the last line that the reader has; None: the latest `limit` lines come first."""
        self._ring = appliance.log_sinks.ring
        self._queue = appliance.queue
        self._wanted = wanted
        self._after = after
        self._limit = limit
        self._monotonic = monotonic

    def events(self) -> Iterator[str]:
        """The stream."""
        give_up = self._monotonic() + STREAM_SECONDS
        newest = self._ring.wait(-1, 0)
        after = 0 if self._after is None or self._after > newest else self._after
        most = self._limit if after == 0 else MAX_LINES
        yield ": the log\n\n"
        while self._monotonic() < give_up and not self._ended():
            found = self._ring.lines(self._wanted, after=after, limit=most)
            after, most = newest, MAX_LINES
            yield from map(_event, (line for line in found if line.number <= newest))
            seen = self._ring.wait(newest, HEARTBEAT_SECONDS, self._ended)
            if seen == newest:
                yield ": still here\n\n"
            newest = seen

    def _ended(self) -> bool:
        return self._queue.stopping


def _event(line: LogLine) -> str:
    return f"id: {line.number}\nevent: line\ndata: {json.dumps(_shown(line), ensure_ascii=False)}\n\n"


def _shown(line: LogLine) -> dict[str, object]:
    values = line.values
    more = {name: value for name, value in values.items() if name not in FACTS}
    time, level, event, logger = (str(values.get(name, "")) for name in FACTS)
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
