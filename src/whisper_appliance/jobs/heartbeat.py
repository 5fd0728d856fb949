"""The heartbeat of a worker: a thread that updates its row, so that other workers see that it is alive."""

import logging
import threading
from collections.abc import Callable

from whisper_appliance.core.errors import ApplianceError

HEARTBEAT_INTERVAL_SECONDS = 10.0
HEARTBEATS_PER_RECLAIM = 6

log = logging.getLogger(__name__)


class WorkerHeartbeat:
    """Calls `write` every ten seconds and `reclaim` once a minute, until it is closed.

    An error of a call is logged, and the heartbeat goes on, because the database may be back a moment later.
    """

    def __init__(self, write: Callable[[], None], reclaim: Callable[[], None]) -> None:
        self._write = write
        self._reclaim = reclaim
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stops the thread."""
        self._closed.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        count = 0
        while not self._closed.wait(HEARTBEAT_INTERVAL_SECONDS):
            log_errors(self._write)
            count += 1
            if count % HEARTBEATS_PER_RECLAIM == 0:
                log_errors(self._reclaim)


def log_errors(call: Callable[[], None]) -> None:
    """Calls a function and logs its error, because a heartbeat must outlive any error of the database."""
    try:
        call()
    except Exception as error:  # the thread's edge: whatever fails, the next heartbeat must be written
        log.warning("A heartbeat was not written: %s", error, exc_info=not isinstance(error, ApplianceError))
