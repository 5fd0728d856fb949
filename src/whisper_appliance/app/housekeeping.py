"""Periodic clean-up tasks."""

import threading
import time
from collections.abc import Callable

import structlog

from whisper_appliance.core.clock import seconds_since_boot
from whisper_appliance.core.log_errors import log_errors

EVERY_SECONDS = 6 * 3600.0
CLOCK_JUMP_SECONDS = 3600.0
log = structlog.get_logger()


class Housekeeping:
    """Runs its clean-up tasks at the start and from time to time, in a thread of its own.

    A round is left out if the clock was set ahead before it, because by a wrong date nearly all is too old.
    """

    def __init__(
        self,
        tasks: dict[str, Callable[[], object]],
        every_seconds: float = EVERY_SECONDS,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`tasks` maps names to functions. A task that fails runs again in the next round."""
        self._tasks = tasks
        self._every_seconds = every_seconds
        self._clock = clock
        self._clock_offset = self._read_clock_offset()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Starts the thread; the first round runs at once."""
        self._thread.start()

    def close(self) -> None:
        """Stops after the task that runs now."""
        self._ended.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._was_clock_set_ahead():
                log.warning("the clock was set ahead: clean-up tasks wait for the next round")
            else:
                for name, task in self._tasks.items():
                    log_errors(task, f"a clean-up task failed: {name}")
            self._ended.wait(self._every_seconds)

    def _was_clock_set_ahead(self) -> bool:
        before, self._clock_offset = self._clock_offset, self._read_clock_offset()
        return self._clock_offset - before > CLOCK_JUMP_SECONDS

    def _read_clock_offset(self) -> float:
        return self._clock() - seconds_since_boot()
