"""Wakes the threads that wait for a change of a job."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from whisper_appliance.jobs.events import JobChanged, JobEvent, JobProgressed


class JobNotifier:
    """Maps each job to the events of its subscribers, and sets them at every change of the job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: defaultdict[str, set[threading.Event]] = defaultdict(set)

    def notify(self, event: JobEvent) -> None:
        """Sets the events of the job's subscribers; they read the new state themselves."""
        if not isinstance(event, JobChanged | JobProgressed):
            return
        with self._lock:
            subscribers = tuple(self._subscribers.get(event.job_id, ()))
        for changed in subscribers:
            changed.set()

    @contextmanager
    def subscribe(self, job_id: str) -> Iterator[threading.Event]:
        """Yields an event that is set at every change of the job."""
        changed = threading.Event()
        with self._lock:
            self._subscribers[job_id].add(changed)
        try:
            yield changed
        finally:
            with self._lock:
                self._subscribers[job_id].discard(changed)
                if not self._subscribers[job_id]:
                    del self._subscribers[job_id]

    def subscriber_count(self) -> int:
        """The number of subscribers of all jobs."""
        with self._lock:
            return sum(len(subscribers) for subscribers in self._subscribers.values())
