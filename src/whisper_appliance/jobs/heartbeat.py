"""The heartbeat of a worker: a thread that updates its row, so that other workers see that it is alive."""

import threading
from collections.abc import Callable

from whisper_appliance.core.log_errors import log_errors

HEARTBEAT_INTERVAL_SECONDS = 10.0
HEARTBEATS_PER_RECLAIM = 6

FAILED = "a heartbeat was not written, or its jobs were not taken over"


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
            log_errors(self._write, FAILED)
            count += 1
            if count % HEARTBEATS_PER_RECLAIM == 0:
                log_errors(self._reclaim, FAILED)
