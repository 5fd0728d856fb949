"""How much an engine has done: counters that only grow, so that two readings tell what came between."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from whisper_appliance.engines.contract import Priority


@dataclass(frozen=True, slots=True)
class EngineUsage:
    """Since the engine was made.

    `heard_seconds` of audio in `busy_seconds` during which it worked at all; `worker_seconds` counts each of
    the windows that were worked on side by side.
    """

    audio_seconds: float = 0.0
    busy_seconds: float = 0.0
    worker_seconds: float = 0.0
    windows_by_priority: tuple[int, ...] = (0,) * len(Priority)


NO_USAGE = EngineUsage()


class UsageMeter:
    """Told whenever the number of windows at work changes. Not thread-safe: the engine's lock is held."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._at_work = 0
        self._heard = self._busy = self._worked = 0.0
        self._windows = [0] * len(Priority)

    def set_active(self, count: int) -> None:
        """From now on so many windows are worked on."""
        self._settle()
        self._at_work = count

    def add_window(self, seconds: float, priority: Priority = Priority.INTERACTIVE) -> None:
        """A window of so much audio was heard to the end."""
        self._heard += seconds
        self._windows[priority] += 1

    def total(self) -> EngineUsage:
        """Up to now."""
        self._settle()
        return EngineUsage(self._heard, self._busy, self._worked, tuple(self._windows))

    def _settle(self) -> None:
        now = self._clock()
        passed, self._since = now - self._since, now
        self._worked += passed * self._at_work
        self._busy += passed if self._at_work else 0.0
