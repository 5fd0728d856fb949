"""Slots: a semaphore that limits how many interactive jobs run at once, with reservations."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from whisper_appliance.jobs.workflows import ShuttingDown


class Slots:
    """A number of slots. A job may reserve a free slot before its thread exists."""

    def __init__(self, count: int, stopping: threading.Event) -> None:
        self._free = count
        self._waiting = 0
        self._reserved: set[str] = set()
        self._stopping = stopping
        self._changed = threading.Condition()

    def reserve(self, job_id: str) -> bool:
        """Reserves a free slot for a job; False if none is free, or if other jobs wait for one."""
        with self._changed:
            if self._free == 0 or self._waiting:
                return False
            self._free -= 1
            self._reserved.add(job_id)
            return True

    def release(self, job_id: str) -> None:
        """Frees the slot of a job."""
        with self._changed:
            self._reserved.discard(job_id)
            self._free += 1
            self._changed.notify()

    @contextmanager
    def acquire(self, job_id: str) -> Iterator[bool]:
        """Holds the reserved slot, or the next free one; yields whether it was reserved.

        Raises `ShuttingDown` if the appliance stops while the job waits.
        """
        with self._changed:
            reserved = job_id in self._reserved
            if not reserved:
                self._wait()
        try:
            yield reserved
        finally:
            self.release(job_id)

    def _wait(self) -> None:
        self._waiting += 1
        try:
            while self._free == 0:
                self._changed.wait(0.5)
                if self._stopping.is_set():
                    raise ShuttingDown
            self._free -= 1
        finally:
            self._waiting -= 1
