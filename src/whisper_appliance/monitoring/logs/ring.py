"""Ring buffer of the latest log lines, for the log page of the admin panel."""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_LINES = 2000
MAX_CHARACTERS = 8192
IDS = ("request_id", "job_id", "session")
NUMBERS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event: its values, and its line of JSON as in the file. Numbers only grow.

    `template` is the message of a library without its values; for our own lines it is the event.
    """

    number: int
    text: str
    values: dict[str, object] = field(hash=False)
    template: str = ""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Selects lines by least level, by text, and by the id of a request, job or session."""

    level: str = "debug"
    words: str = ""
    id: str = ""

    def matches(self, line: LogLine) -> bool:
        """True if the line passes the filter."""
        values = line.values
        if NUMBERS.get(str(values.get("level")), 20) < NUMBERS.get(self.level, 0):
            return False
        if self.id and self.id[:16] not in [values.get(name) for name in IDS]:
            return False
        return self.words.casefold() in line.text.casefold()


class LogRing(logging.Handler):
    """Keeps the last lines, and wakes threads that wait for the next one."""

    def __init__(self, most_lines: int = MAX_LINES) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=most_lines)
        self._changed = threading.Condition()
        self._number = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Adds one record. Errors stay here, so that the work that logged it goes on."""
        try:
            text = self.format(record)
            values = json.loads(text)
        except Exception:  # noqa: BLE001 - logging's own contract: a handler never raises into the work
            self.handleError(record)
            return
        if len(text) > MAX_CHARACTERS:
            values = {name: _shortened(value) for name, value in list(values.items())[:20]}
            text = json.dumps(values, ensure_ascii=False)
        with self._changed:
            self._number += 1
            self._lines.append(LogLine(self._number, text, values, _template(record)))
            self._changed.notify_all()

    def lines(
        self, wanted: LogFilter | None = None, *, after: int = 0, limit: int = MAX_LINES
    ) -> list[LogLine]:
        """The newest lines that pass the filter and follow number `after`, the oldest first."""
        with self._changed:
            kept = tuple(self._lines)
        chosen = [line for line in kept if line.number > after and (wanted is None or wanted.matches(line))]
        return chosen[-limit:]

    def wait(self, after: int, timeout_seconds: float, ended: Callable[[], bool] = lambda: False) -> int:
        """Waits for a line that follows number `after`; returns the number of the newest line."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or ended(), timeout_seconds)
            return self._number


def _template(record: logging.LogRecord) -> str:
    event = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
    return str(event)[:MAX_CHARACTERS]


def _shortened(value: object) -> object:
    return value[:200] + "…" if isinstance(value, str) and len(value) > 200 else value
