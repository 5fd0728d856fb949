"""Logs: one line an event on stderr, JSON unless stderr is a terminal. Never words of transcripts.

Libraries that use `logging` (gunicorn, DBOS, alembic) are formatted the same way.
"""

import logging
import re
import sys
import traceback
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from whisper_appliance.monitoring.logs.line_limit import LineLimit

QUIET = (
    "alembic", "dbos", "fontTools", "fpdf", "httpcore", "httpcore2", "httpx", "httpx2", "huggingface_hub",
    "urllib3", "watchdog",
)  # fmt: skip
CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{16})[0-9a-f]{16}(?![0-9a-f])")


def set_up(level: str = "INFO", *, debug: bool = False, stream: TextIO | None = None) -> None:
    """Sends every log line of this process to `stream` (stderr); `debug` adds tracebacks and debug lines."""
    out = stream or sys.stderr
    structlog.configure(
        processors=[*_before(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(debug=debug, people=out if out.isatty() else None))
    handler.addFilter(LineLimit().allows)
    root = logging.getLogger()
    root.handlers = [handler]
    set_level(level, debug=debug)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET if debug else logging.WARNING)


def set_level(level: str, *, debug: bool = False) -> None:
    """Writes lines of this level and above; `debug` writes all."""
    logging.getLogger().setLevel(logging.DEBUG if debug else level)


def formatter(*, debug: bool = False, people: TextIO | None = None) -> logging.Formatter:
    """One line an event: JSON, or coloured text for the terminal `people`."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_before(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info if debug else _short_error,
            _one_line,
            _for_people(people) if people else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


def _before() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _for_people(out: TextIO) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


def _short_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The class, message and place of an error instead of its traceback."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = f"{type(error).__name__}: {error}"
        frames = traceback.extract_tb(error.__traceback__)
        if frames:
            event["where"] = f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}"
    return event


def _one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escapes line breaks and terminal sequences against log injection: clients choose logged names.

    Ids are cut to their first half, because a whole id opens a recording that has no owner.
    """
    for key, value in event.items():
        if isinstance(value, str):
            halved = ID.sub(r"\1", value)
            event[key] = halved if key == "exception" else halved.translate(CONTROL)
    return event
