"""This machine's memory, cores and GPUs; which models fit, and which one is recommended."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from whisper_appliance.core import control_groups
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.nvidia_smi import query_gpus
from whisper_appliance.core.text import format_bytes
from whisper_appliance.models.catalog import Model, catalog

# A model may take this share of the memory; the rest is left to other processes.
_SHARE = 0.6
# From this number of cores on, the model is fast enough on the CPU; the largest that fits is recommended.
_FAST_ON_CPU = ((8, "large-v3-turbo"), (4, "small"), (0, "base"), (0, "tiny"))
_FAST_ON_GPU = ("large-v3", "large-v3-turbo", "medium", "small", "base", "tiny")
_ON_CPU = N_("{cores} processor cores")
_ON_GPU = N_("the graphics card {gpu}")
_ADVICE = N_(
    "This machine runs models on {device} and can give one model {memory} of memory. "
    "A good choice is {recommended}."
)
_ADVICE_AND_LARGEST = N_(
    "This machine runs models on {device} and can give one model {memory} of memory. "
    "A good choice is {recommended}. {fits}"
)
_LARGEST = N_("The largest that fits is {largest}.")
_LARGEST_SLOW = N_("The largest that fits is {largest}, but will be slow.")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that CUDA can use."""

    name: str
    memory_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Hardware for running models; inside a container, its limits."""

    cores: int
    memory_bytes: int
    available_bytes: int
    gpus: tuple[Gpu, ...] = ()

    @property
    def budget_bytes(self) -> int:
        """The memory that one model may take: of the largest GPU, else a share of the machine's."""
        return (
            int(_SHARE * self.memory_bytes) if not self.gpus else max(gpu.memory_bytes for gpu in self.gpus)
        )

    def fits(self, model: Model, compute_type: str = "auto") -> bool:
        """Whether the model fits into `budget_bytes`."""
        return model.memory_bytes(self.compute_type(compute_type)) <= self.budget_bytes

    def compute_type(self, wanted: str = "auto") -> str:
        """The number format of the weights: `wanted`, or the one that `auto` selects on this machine."""
        if wanted not in ("auto", "default"):
            return wanted
        return "float16" if self.gpus else "int8"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The recommended model for this machine, and the reason in sentences."""

    recommended: str
    text: str


def this_machine(gpus: Sequence[Gpu] = ()) -> Machine:
    """This machine now. Fast; `gpus` come from `detect_gpus`, which is slow."""
    return Machine(_cores(), _memory_bytes(), available_bytes(), tuple(gpus))


def available_bytes() -> int:
    """Memory that is free now without swapping, within the limit of the container."""
    free = int(psutil.virtual_memory().available)
    left = control_groups.memory_left()
    return free if left is None else min(free, left)


def detect_gpus() -> tuple[Gpu, ...]:
    """The NVIDIA GPUs; none without `nvidia-smi`. May take a second."""
    return parse_gpus(query_gpus(("name", "memory.total", "memory.free")))


def parse_gpus(table: str) -> tuple[Gpu, ...]:
    """Parses the CSV of nvidia-smi: name, MiB in total, MiB free. A GPU without numbers is left out."""
    rows = ([cell.strip() for cell in line.rsplit(",", 2)] for line in table.splitlines())
    return tuple(
        Gpu(name, int(total) * 2**20, int(free) * 2**20)
        for name, total, free in (row for row in rows if len(row) == 3)
        if total.isdigit() and free.isdigit()
    )


def recommend(machine: Machine) -> Recommendation:
    """Recommends a model, and names the largest that fits."""
    recommended = _recommend(machine)
    largest = [name for name, model in catalog().items() if machine.fits(model)][-1:]
    device = _ON_GPU.format(gpu=machine.gpus[0].name) if machine.gpus else _ON_CPU.format(cores=machine.cores)
    facts = {"device": device, "memory": format_bytes(machine.budget_bytes), "recommended": recommended}
    if not largest or largest[0] == recommended:
        return Recommendation(recommended, _ADVICE.format(**facts))
    fits = (_LARGEST if machine.gpus else _LARGEST_SLOW).format(largest=largest[0])
    return Recommendation(recommended, _ADVICE_AND_LARGEST.format(**facts, fits=fits))


def _recommend(machine: Machine) -> str:
    fast_enough = (
        _FAST_ON_GPU
        if machine.gpus
        else tuple(name for cores, name in _FAST_ON_CPU if machine.cores >= cores)
    )
    return next((name for name in fast_enough if machine.fits(catalog()[name])), "tiny")


def _cores() -> int:
    usable = len(os.sched_getaffinity(0))
    limit = control_groups.processor_limit()
    return usable if limit is None else min(usable, max(1, round(limit)))


def _memory_bytes() -> int:
    total = int(psutil.virtual_memory().total)
    limit = control_groups.memory_limit()
    return total if limit is None else min(total, limit)
