"""Utilization and memory of NVIDIA GPUs."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from whisper_appliance.core.nvidia_smi import query_gpus

FIELDS = ("name", "utilization.gpu", "memory.used", "memory.total")
MIB = 2**20


@dataclass(frozen=True, slots=True)
class GpuUse:
    """The utilization of one GPU; `percent` is None if the GPU does not report it."""

    name: str
    percent: float | None
    memory_used_bytes: int
    memory_bytes: int


def measure_gpus(program: str = "nvidia-smi") -> tuple[GpuUse, ...]:
    """Every GPU; none without `nvidia-smi`. May take a second."""
    lines = query_gpus(FIELDS, program).splitlines()
    return tuple(gpu for line in lines if (gpu := _parse(line.split(", "))))


def _parse(values: Sequence[str]) -> GpuUse | None:
    if len(values) != len(FIELDS):
        return None
    name, percent, used, total = (value.strip() for value in values)
    with suppress(ValueError):
        return GpuUse(name, _number(percent), int(used) * MIB, int(total) * MIB)
    return None


def _number(text: str) -> float | None:
    with suppress(ValueError):
        return float(text)
    return None
