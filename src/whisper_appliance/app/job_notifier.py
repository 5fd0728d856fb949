"""Who waits for news of a job, and rings their bells."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from whisper_appliance.jobs.events import JobChanged, JobEvent, WindowsAdded


class Bulletin:
    """Told of every change of a job; wakes those who listen for that job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bells: defaultdict[str, set[threading.Event]] = defaultdict(set)

    def announce(self, event: JobEvent) -> None:
        """Something changed. Rings and returns; the listeners ask for the rest themselves."""
        if not isinstance(event, JobChanged | WindowsAdded):
            return
        with self._lock:
            bells = tuple(self._bells.get(event.job_id, ()))
        for bell in bells:
            bell.set()

    @contextmanager
    def listen(self, job_id: str) -> Iterator[threading.Event]:
        """An event that is set at every change of the job."""
        bell = threading.Event()
        with self._lock:
            self._bells[job_id].add(bell)
        try:
            yield bell
        finally:
            with self._lock:
                self._bells[job_id].discard(bell)
                if not self._bells[job_id]:
                    del self._bells[job_id]

    def listeners(self) -> int:
        """How many listen now."""
        with self._lock:
            return sum(len(bells) for bells in self._bells.values())
