"""What an engine does now, and what it tells when that changes."""

from dataclasses import dataclass
from typing import Literal

from whisper_appliance.engines.process.usage import NO_USAGE, EngineUsage

EngineState = Literal["loading", "idle", "busy", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """The engine of `model` has changed its state."""

    model: str
    state: EngineState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an engine does now; `last_work` is a time of the monotonic clock, `None` before any.

    `workers` is how many windows it works on side by side.
    """

    model: str
    state: EngineState
    reason: str
    waiting: int
    running: int
    last_work: float | None
    windows_done: int
    restarts: int
    memory_bytes: int
    name: str
    version: str
    device: str
    compute_type: str
    multilingual: bool
    notices: tuple[str, ...]
    network: str = ""
    """What the process can reach: its "own" network with nobody in it, "no tcp", or all that is "shared"."""
    parallel_windows: int = 1
    usage: EngineUsage = NO_USAGE
