"""Utilization of processors, memory and disk."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

MIN_INTERVAL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class HostStats:
    """Processors, memory, and the disk of the data folder."""

    cpu_count: int
    cpu_percent: float
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_free_bytes: int


class CpuMeter:
    """CPU utilization since the last call from any thread; psutil itself keeps it for each thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._measured = monotonic()
        self._total, self._idle = _times()
        self._percent = 0.0

    def percent(self) -> float:
        """0 to 100 for all processors together. Calls within `MIN_INTERVAL_SECONDS` get the same value."""
        with self._lock:
            if self._monotonic() - self._measured < MIN_INTERVAL_SECONDS:
                return self._percent
            self._measured = self._monotonic()
            total, idle = _times()
            if (passed := total - self._total) > 0:
                self._percent = round(100 * min(1.0, max(0.0, 1 - (idle - self._idle) / passed)), 1)
            self._total, self._idle = total, idle
            return self._percent


def measure(folder: Path, processors: CpuMeter) -> HostStats:
    """The utilization now; `folder` is on the disk to be measured."""
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
    """Seconds of all processors so far: in total, and idle or waiting for a disk."""
    times = psutil.cpu_times()
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # counted as user time as well
    return sum(times) - guests, times.idle + getattr(times, "iowait", 0.0)
