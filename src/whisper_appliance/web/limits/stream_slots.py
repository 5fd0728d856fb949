"""Slots for event streams and sockets: a limit on open connections, because each occupies a server thread."""

import threading

from whisper_appliance.core.errors import Busy


class StreamSlots:
    """A counting semaphore for open streams."""

    def __init__(self, limit: int) -> None:
        self._slots = threading.BoundedSemaphore(limit)
        self._lock = threading.Lock()
        self._in_use = 0

    @property
    def in_use(self) -> int:
        """The number of open streams."""
        return self._in_use

    def acquire(self) -> None:
        """Takes a slot, which must be released. Raises `Busy` if none is free."""
        if not self._slots.acquire(blocking=False):
            raise Busy("Too many open event streams. Request the job itself instead.", retry_after_seconds=10)
        with self._lock:
            self._in_use += 1

    def has_free_slot(self) -> bool:
        """True if `acquire` would succeed now."""
        if not self._slots.acquire(blocking=False):
            return False
        self._slots.release()
        return True

    def release(self) -> None:
        """Returns a slot."""
        with self._lock:
            self._in_use -= 1
        self._slots.release()
