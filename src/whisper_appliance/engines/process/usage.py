"""Engine status and usage: the state of an engine, and counters of its work that only grow."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from whisper_appliance.core.sandbox import Isolation
from whisper_appliance.engines.contract import Priority

EngineLifecycle = Literal["loading", "idle", "busy", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """The engine of `model` has changed its state."""

    model: str
    state: EngineLifecycle
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EngineUsage:
    """The work since the engine was made.

    `audio_seconds` were decoded in `busy_seconds` with at least one window in work; `worker_seconds` counts
    each window that is decoded in parallel.
    """

    audio_seconds: float = 0.0
    busy_seconds: float = 0.0
    worker_seconds: float = 0.0
    windows_by_priority: tuple[int, ...] = (0,) * len(Priority)


NO_USAGE = EngineUsage()


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A snapshot of an engine; `last_work` is a time of the monotonic clock, `None` before any work.

    `waiting` and `running` count windows, `parallel_windows` is how many it decodes in parallel.
    """

    model: str
    state: EngineLifecycle
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
    isolation: Isolation | None = None
    """The sandbox layers of the process; None before it is ready."""
    parallel_windows: int = 1
    usage: EngineUsage = NO_USAGE


class UsageMeter:
    """Integrates the number of active windows over time. Not thread-safe: the engine's lock is held."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._active = 0
        self._audio = self._busy = self._worker = 0.0
        self._windows = [0] * len(Priority)

    def set_active(self, windows: int) -> None:
        """From now on so many windows are decoded."""
        self._update()
        self._active = windows

    def add_window(self, seconds: float, priority: Priority = Priority.INTERACTIVE) -> None:
        """A window of so much audio was decoded."""
        self._audio += seconds
        self._windows[priority] += 1

    def total(self) -> EngineUsage:
        """Up to now."""
        self._update()
        return EngineUsage(self._audio, self._busy, self._worker, tuple(self._windows))

    def _update(self) -> None:
        now = self._clock()
        passed, self._since = now - self._since, now
        self._worker += passed * self._active
        self._busy += passed if self._active else 0.0
