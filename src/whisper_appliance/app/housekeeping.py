"""What has to be done now and then, whether somebody asks or not."""

import threading
from collections.abc import Callable

import structlog

from whisper_appliance.core.errors import ApplianceError

EVERY_SECONDS = 6 * 3600.0
log = structlog.get_logger()


class Housekeeping:
    """Does its chores at the start and every few hours, in a thread of its own."""

    def __init__(self, chores: dict[str, Callable[[], object]], every_seconds: float = EVERY_SECONDS) -> None:
        """`chores` are called by name, one after the other; one that fails is tried again the next time."""
        self._chores = chores
        self._every_seconds = every_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begins with the first round."""
        self._thread.start()

    def close(self) -> None:
        """No more rounds; a chore that is under way ends first."""
        self._ended.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._ended.is_set():
            for name, chore in self._chores.items():
                try:
                    chore()
                except (ApplianceError, OSError) as error:
                    log.warning("a chore failed", chore=name, reason=str(error))
            self._ended.wait(self._every_seconds)
