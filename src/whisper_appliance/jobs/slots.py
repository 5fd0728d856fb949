"""Slots: semaphores that limit how many jobs of each lane run at once, with reservations."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from whisper_appliance.jobs.lanes import Lane
from whisper_appliance.jobs.workflows import ShuttingDown


class Slots:
    """The slots of one lane. A job may reserve a free slot before its thread exists."""

    def __init__(self, count: int, stopping: threading.Event) -> None:
        self._free = count
        self._waiting = 0
        self._reserved: set[str] = set()
        self._stopping = stopping
        self._changed = threading.Condition()

    def try_acquire(self) -> bool:
        """Takes a free slot; False if none is free, or if other jobs wait for one."""
        with self._changed:
            if self._free == 0 or self._waiting:
                return False
            self._free -= 1
            return True

    def reserve(self, job_id: str) -> bool:
        """Takes a free slot for the thread of a job to come, as `try_acquire` does."""
        with self._changed:
            if taken := self.try_acquire():
                self._reserved.add(job_id)
            return taken

    def release(self, job_id: str = "") -> None:
        """Frees a slot, and the reservation of a job."""
        with self._changed:
            self._reserved.discard(job_id)
            self._free += 1
            self._changed.notify()

    def acquire(self, job_id: str) -> bool:
        """Takes the slot that the job has reserved, or waits for one; returns whether it was reserved.

        Raises `ShuttingDown` if the appliance stops while the job waits.
        """
        with self._changed:
            reserved = job_id in self._reserved
            self._reserved.discard(job_id)
            if not reserved:
                self._wait()
            return reserved

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


class LaneSlot:
    """The slot of a running job, which may be exchanged for one of another lane."""

    def __init__(self, lanes: Mapping[Lane, Slots], lane: Lane, *, reserved: bool) -> None:
        self.lane = lane
        self.reserved = reserved
        self._lanes = lanes
        self._held = True

    def change_lane(self, lane: Lane) -> bool:
        """Exchanges the slot for a free one of this lane; False if there is none."""
        if not self._lanes[lane].try_acquire():
            return False
        self.release()
        self.lane, self._held = lane, True
        return True

    def release(self) -> None:
        """Frees the slot, once."""
        if self._held:
            self._held = False
            self._lanes[self.lane].release()


@contextmanager
def lane_slot(lanes: Mapping[Lane, Slots], lane: Lane, job_id: str) -> Iterator[LaneSlot]:
    """Holds the slot that a job has reserved in a lane, or the next free one. Raises as `acquire` does."""
    slot = LaneSlot(lanes, lane, reserved=lanes[lane].acquire(job_id))
    try:
        yield slot
    finally:
        slot.release()
