"""What this machine can carry: its memory, cores and GPUs, and which models fit, in words."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from whisper_appliance.models.catalog import Model, catalog

_CGROUP = Path("/sys/fs/cgroup")
_NVIDIA_SMI_SECONDS = 5
_NVIDIA_SMI_QUERY = ("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")

# A model may take this share of the memory, so that the rest of the machine lives.
_SHARE = 0.6
# From so many cores on, this model is still comfortable on the CPU; the largest that fits is recommended.
_COMFORTABLE_ON_CPU = ((8, "large-v3-turbo"), (4, "small"), (0, "base"), (0, "tiny"))
_COMFORTABLE_ON_GPU = ("large-v3", "large-v3-turbo", "medium", "small", "base", "tiny")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card that CUDA can use."""

    name: str
    memory_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to run models on; inside a container, what the container may use."""

    cores: int
    memory_bytes: int
    available_bytes: int
    gpus: tuple[Gpu, ...] = ()

    @property
    def budget_bytes(self) -> int:
        """The memory that one model may take: of the largest GPU, else of the machine."""
        return (
            int(_SHARE * self.memory_bytes) if not self.gpus else max(gpu.memory_bytes for gpu in self.gpus)
        )

    def fits(self, model: Model, compute_type: str = "auto") -> bool:
        """Whether the model can be loaded here, leaving room for everything else."""
        return model.memory_bytes(self.compute_type(compute_type)) <= self.budget_bytes

    def compute_type(self, wanted: str = "auto") -> str:
        """What `auto` means here."""
        if wanted not in ("auto", "default"):
            return wanted
        return "float16" if self.gpus else "int8"


@dataclass(frozen=True, slots=True)
class Advice:
    """Which model to take on this machine, and why, in sentences."""

    recommended: str
    text: str


def this_machine(gpus: Sequence[Gpu] = ()) -> Machine:
    """This machine now. Quick; `gpus` come from `find_gpus`, which is not."""
    return Machine(_cores(), _memory_bytes(), available_bytes(), tuple(gpus))


def available_bytes() -> int:
    """Memory that can be taken now without swapping."""
    free = int(psutil.virtual_memory().available)
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    return free if limit is None or used is None else min(free, max(0, limit - used))


def find_gpus() -> tuple[Gpu, ...]:
    """The NVIDIA cards as their driver's tool tells; none without it. May take a second."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(
            [tool, *_NVIDIA_SMI_QUERY],
            capture_output=True,
            text=True,
            timeout=_NVIDIA_SMI_SECONDS,
            check=True,
        )
        return parse_gpus(told.stdout)
    return ()


def parse_gpus(table: str) -> tuple[Gpu, ...]:
    """The cards in the table of nvidia-smi: name, MiB, MiB free. One that does not tell is left out."""
    rows = ([cell.strip() for cell in line.rsplit(",", 2)] for line in table.splitlines())
    return tuple(
        Gpu(name, int(total) * 2**20, int(free) * 2**20)
        for name, total, free in (row for row in rows if len(row) == 3)
        if total.isdigit() and free.isdigit()
    )


def advise(machine: Machine) -> Advice:
    """The model to start with, and what else would work."""
    recommended = _recommend(machine)
    largest = [name for name, model in catalog().items() if machine.fits(model)][-1:]
    where = f"the GPU ({machine.gpus[0].name})" if machine.gpus else f"{machine.cores} processor cores"
    gigabytes = machine.budget_bytes / 1e9
    text = f"This machine runs models on {where} and can give one model {gigabytes:.1f} GB of memory. "
    text += f"A good choice is {recommended}."
    if largest and largest[0] != recommended:
        slower = "" if machine.gpus else ", but will be slow"
        text += f" The largest that fits is {largest[0]}{slower}."
    return Advice(recommended, text)


def _recommend(machine: Machine) -> str:
    comfortable = (
        _COMFORTABLE_ON_GPU
        if machine.gpus
        else tuple(name for cores, name in _COMFORTABLE_ON_CPU if machine.cores >= cores)
    )
    return next((name for name in comfortable if machine.fits(catalog()[name])), "tiny")


def _cores() -> int:
    usable = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        if quota != "max":
            usable = min(usable, max(1, round(int(quota) / int(period))))
    return usable


def _memory_bytes() -> int:
    total = int(psutil.virtual_memory().total)
    limit = _number(_CGROUP / "memory.max")
    return total if limit is None else min(total, limit)


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
