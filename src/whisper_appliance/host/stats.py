"""How much of this machine is in use."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

TOO_SOON_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class HostStats:
    """Processors, memory, and the disk that matters."""

    cpu_count: int
    cpu_percent: float
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_free_bytes: int


class Processors:
    """Their use since the last question, whichever thread asks; psutil itself remembers one a thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asked = monotonic()
        self._total, self._idle = _times()
        self._percent = 0.0

    def percent(self) -> float:
        """From 0 to 100, of all together. Questions close upon each other get the same answer."""
        with self._lock:
            if self._monotonic() - self._asked < TOO_SOON_SECONDS:
                return self._percent
            self._asked = self._monotonic()
            total, idle = _times()
            if (passed := total - self._total) > 0:
                self._percent = round(100 * min(1.0, max(0.0, 1 - (idle - self._idle) / passed)), 1)
            self._total, self._idle = total, idle
            return self._percent


def measure(folder: Path, processors: Processors) -> HostStats:
    """The machine now. `folder` is on the disk that matters."""
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(folder))
    return HostStats(
        cpu_count=psutil.cpu_count() or 1,
        cpu_percent=processors.percent(),
        memory_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
    )


def _times() -> tuple[float, float]:
    """All of the processors' time so far, and what of it they were idle or waited for a disk."""
    times = psutil.cpu_times()
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # counted as user time as well
    return sum(times) - guests, times.idle + getattr(times, "iowait", 0.0)
