"""Periodic clean-up tasks."""

import threading
from collections.abc import Callable

from whisper_appliance.core.log_errors import log_errors

EVERY_SECONDS = 6 * 3600.0


class Housekeeping:
    """Runs its clean-up tasks at the start and from time to time, in a thread of its own."""

    def __init__(self, tasks: dict[str, Callable[[], object]], every_seconds: float = EVERY_SECONDS) -> None:
        """`tasks` maps names to functions. A task that fails runs again in the next round."""
        self._tasks = tasks
        self._every_seconds = every_seconds
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
            for name, task in self._tasks.items():
                log_errors(task, f"a clean-up task failed: {name}")
            self._ended.wait(self._every_seconds)
