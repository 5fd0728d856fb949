"""How busy the graphics cards are, as NVIDIA's own program tells it."""

import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

QUERY = ("--query-gpu=name,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")
SECONDS = 5
MIB = 2**20


@dataclass(frozen=True, slots=True)
class GpuUse:
    """One card now; `percent` is None for a card that does not tell."""

    name: str
    percent: float | None
    memory_used_bytes: int
    memory_bytes: int


def measure_gpus(program: str = "nvidia-smi") -> tuple[GpuUse, ...]:
    """Every card; none without the program. May take a second."""
    path = shutil.which(program)
    if path is None:
        return ()
    with suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run(
            [path, *QUERY],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return tuple(card for line in asked.stdout.splitlines() if (card := _card(line.split(", "))))
    return ()


def _card(values: Sequence[str]) -> GpuUse | None:
    if len(values) != 4:
        return None
    name, percent, used, total = (value.strip() for value in values)
    with suppress(ValueError):
        return GpuUse(name, _number(percent), int(used) * MIB, int(total) * MIB)
    return None


def _number(text: str) -> float | None:
    with suppress(ValueError):
        return float(text)
    return None
