"""Wakes the threads that wait for a change of something with an id."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Notifier:
    """Maps each id to the events of its subscribers, and sets them at every change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: defaultdict[str, set[threading.Event]] = defaultdict(set)

    def wake(self, changed_id: str) -> None:
        """Sets the events of the subscribers; they read the new state themselves."""
        with self._lock:
            subscribers = tuple(self._subscribers.get(changed_id, ()))
        for changed in subscribers:
            changed.set()

    @contextmanager
    def subscribe(self, changed_id: str) -> Iterator[threading.Event]:
        """Yields an event that is set at every change."""
        changed = threading.Event()
        with self._lock:
            self._subscribers[changed_id].add(changed)
        try:
            yield changed
        finally:
            with self._lock:
                self._subscribers[changed_id].discard(changed)
                if not self._subscribers[changed_id]:
                    del self._subscribers[changed_id]

    def subscriber_count(self) -> int:
        """The number of subscribers of all ids."""
        with self._lock:
            return sum(len(subscribers) for subscribers in self._subscribers.values())
