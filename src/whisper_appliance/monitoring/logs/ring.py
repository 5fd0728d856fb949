"""The latest log lines in memory, for those who look at the panel."""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_LINES = 2000
MOST_CHARACTERS = 8192
IDS = ("request_id", "job_id", "session")
NUMBERS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


@dataclass(frozen=True, slots=True)
class Line:
    """One event: what it says as data, and as the line of JSON that the file has. Numbers only grow.

    `template` is what a library said before it put its values in; of ours, the event itself.
    """

    number: int
    text: str
    values: dict[str, object] = field(hash=False)
    template: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines: of this level or above, with this text anywhere, of this request or job."""

    level: str = "debug"
    words: str = ""
    id: str = ""

    def takes(self, line: Line) -> bool:
        """Whether the line is one of them."""
        values = line.values
        if NUMBERS.get(str(values.get("level")), 20) < NUMBERS.get(self.level, 0):
            return False
        if self.id and self.id[:16] not in [values.get(name) for name in IDS]:
            return False
        return self.words.casefold() in line.text.casefold()


class Ring(logging.Handler):
    """Keeps the last lines; wakes those who wait for the next one."""

    def __init__(self, most_lines: int = MOST_LINES) -> None:
        super().__init__()
        self._lines: deque[Line] = deque(maxlen=most_lines)
        self._changed = threading.Condition()
        self._number = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Takes one record; whatever is wrong with it, the work that logged it goes on."""
        try:
            text = self.format(record)
            values = json.loads(text)
        except Exception:  # noqa: BLE001 - logging's own contract: a handler never raises into the work
            self.handleError(record)
            return
        if len(text) > MOST_CHARACTERS:
            values = {name: _shortened(value) for name, value in list(values.items())[:20]}
            text = json.dumps(values, ensure_ascii=False)
        with self._changed:
            self._number += 1
            self._lines.append(Line(self._number, text, values, _template(record)))
            self._changed.notify_all()

    def lines(self, wanted: Filter | None = None, *, after: int = 0, most: int = MOST_LINES) -> list[Line]:
        """The newest of the lines that are wanted, oldest first; those behind number `after`."""
        with self._changed:
            known = tuple(self._lines)
        chosen = [line for line in known if line.number > after and (wanted is None or wanted.takes(line))]
        return chosen[-most:]

    def wait(self, after: int, timeout_seconds: float, ended: Callable[[], bool] = lambda: False) -> int:
        """Waits for a line behind number `after`; the number of the newest line then."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or ended(), timeout_seconds)
            return self._number


def _template(record: logging.LogRecord) -> str:
    said = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
    return str(said)[:MOST_CHARACTERS]


def _shortened(value: object) -> object:
    return value[:200] + "…" if isinstance(value, str) and len(value) > 200 else value
