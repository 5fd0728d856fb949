"""A limit of log lines: one client cannot drive the other lines out of the log."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LINES_A_MINUTE = 120
LIMITED = (logging.INFO, logging.WARNING)


@dataclass
class _Minute:
    """The lines of one place in the code."""

    began: float
    lines: int = 0
    left_out: int = 0


class LineLimit:
    """Lets `LINES_A_MINUTE` information and warnings of one place in the code pass, and counts the others.

    The next line of that place says in `left_out` how many there were. Errors always pass. Several handlers
    may share it: a record is counted once.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._minutes: dict[tuple[str, int], _Minute] = {}

    def allows(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno not in LIMITED:
            return True
        if "passes_limit" not in vars(record):
            with self._lock:
                vars(record)["passes_limit"] = self._count(record)
        return bool(vars(record)["passes_limit"])

    def _count(self, record: logging.LogRecord) -> bool:
        place, now = (record.pathname, record.lineno), self._monotonic()
        minute = self._minutes.get(place)
        if minute is None or now - minute.began >= 60:
            if minute and minute.left_out:
                _add_count(record, minute.left_out)
            minute = self._minutes[place] = _Minute(now)
        minute.lines += 1
        minute.left_out += minute.lines > LINES_A_MINUTE
        return minute.lines <= LINES_A_MINUTE


def _add_count(record: logging.LogRecord, left_out: int) -> None:
    if isinstance(record.msg, dict):  # of structlog
        record.msg["left_out"] = left_out
    else:
        record.msg, record.args = f"{record.getMessage()} ({left_out} lines like this were left out)", ()
