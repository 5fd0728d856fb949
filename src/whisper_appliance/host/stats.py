"""How much of this machine is in use."""

from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class HostStats:
    """Processors, memory, and the disk that matters."""

    cpu_count: int
    cpu_percent: float
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_free_bytes: int


def measure(folder: Path) -> HostStats:
    """The machine now; the processors' use since the last time. `folder` is on the disk that matters."""
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(folder))
    return HostStats(
        cpu_count=psutil.cpu_count() or 1,
        cpu_percent=psutil.cpu_percent(),
        memory_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
    )
