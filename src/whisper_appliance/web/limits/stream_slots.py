"""How many event streams and sockets may be open at once; each one holds a thread of the server."""

import threading

from whisper_appliance.core.errors import Busy


class StreamSlots:
    """Counts open streams up to a limit."""

    def __init__(self, limit: int) -> None:
        self._places = threading.BoundedSemaphore(limit)
        self._lock = threading.Lock()
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many are open now."""
        return self._taken

    def open(self) -> None:
        """Takes a place. Raises `Busy` when there is none; every `open` needs its `close`."""
        if not self._places.acquire(blocking=False):
            raise Busy("Too many open event streams. Ask for the job itself instead.", retry_after_seconds=10)
        with self._lock:
            self._taken += 1

    def free(self) -> bool:
        """Whether there is a place."""
        if not self._places.acquire(blocking=False):
            return False
        self._places.release()
        return True

    def close(self) -> None:
        """Gives the place back."""
        with self._lock:
            self._taken -= 1
        self._places.release()
