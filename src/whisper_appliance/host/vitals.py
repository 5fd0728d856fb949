"""Measures of this machine, taken in the background, so that whoever asks for them never waits."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import structlog

from whisper_appliance.errors import ApplianceError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Host:
    """The machine, a moment ago."""

    cpu_count: int
    cpu_percent: float
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_free_bytes: int


@dataclass(frozen=True, slots=True)
class Measures:
    """One round of measuring."""

    host: Host
    database_error: str | None
    seconds_ago: float


class Vitals:
    """Measures the host and asks the database for a sign of life, every few seconds, in a thread of its own.

    A disk or a database that hangs stops the measuring, not those who ask: they see how old the measures are.
    """

    def __init__(
        self,
        folder: Path,
        database_answers: Callable[[], object],
        *,
        every_seconds: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder` is on the disk that matters; `database_answers` raises when it does not."""
        self._folder = folder
        self._database_answers = database_answers
        self._every_seconds = every_seconds
        self._monotonic = monotonic
        self._host = _measure(folder)
        self._database_error: str | None = None
        self._measured = monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vitals", daemon=True)

    def start(self) -> None:
        """Begins to measure."""
        self._thread.start()

    def latest(self) -> Measures:
        """The newest measures; returns at once."""
        return Measures(self._host, self._database_error, self._monotonic() - self._measured)

    def close(self) -> None:
        """Stops measuring; waits a moment for a round that is under way."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._ended.wait(self._every_seconds):
            self.measure()

    def measure(self) -> None:
        """One round of measuring."""
        try:
            self._host = _measure(self._folder)
            self._database_answers()
            self._database_error = None
        except (ApplianceError, OSError) as error:
            log.warning("measuring failed", reason=str(error))
            self._database_error = str(error)
        self._measured = self._monotonic()


def _measure(folder: Path) -> Host:
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(folder))
    return Host(
        cpu_count=psutil.cpu_count() or 1,
        cpu_percent=psutil.cpu_percent(),
        memory_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
    )
