"""The heartbeat of a worker: a thread that updates its row, so that other workers see that it is alive."""

import threading
from collections.abc import Callable

from whisper_appliance.core.clock import seconds_since_boot
from whisper_appliance.core.log_errors import log_errors

HEARTBEAT_INTERVAL_SECONDS = 10.0
HEARTBEATS_PER_RECLAIM = 6

FAILED = "a heartbeat was not written, or its jobs were not taken over"


class WorkerHeartbeat:
    """Calls `write` every ten seconds and `reclaim` once a minute, until it is closed.

    An error of a call is logged, and the heartbeat goes on, because the database may be back a moment later.
    """

    def __init__(
        self,
        write: Callable[[], None],
        reclaim: Callable[[], None],
        *,
        clock: Callable[[], float] = seconds_since_boot,
    ) -> None:
        """`clock` must go on while the machine is suspended, because the others' clocks do."""
        self._clock = clock
        self._written_at = clock()
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

    @property
    def age_seconds(self) -> float:
        """How long ago the last heartbeat was begun that was written."""
        return self._clock() - self._written_at

    def _beat(self) -> None:
        begun_at = self._clock()
        if log_errors(self._write, FAILED):
            self._written_at = begun_at

    def _run(self) -> None:
        count = 0
        while not self._closed.wait(HEARTBEAT_INTERVAL_SECONDS):
            self._beat()
            count += 1
            if count % HEARTBEATS_PER_RECLAIM == 0:
                log_errors(self._reclaim, FAILED)
