"""Timed probe: runs a function that may hang in a background thread, with a timeout and the last value."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")
FIRST_TIMEOUT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ProbeResult(Generic[T]):
    """The last value and its age in seconds; `value` is None until the first probe finished."""

    value: T | None
    seconds_ago: float


class TimedProbe(Generic[T]):
    """Runs `probe` in a background thread with a timeout; returns the last value if it is late.

    Call `start()` on several probes before the first result is taken, so that they run in parallel. The first
    call waits longer (`FIRST_TIMEOUT_SECONDS`), because there is no last value yet. At most one call of
    `probe` runs at a time, so a hanging one holds a single thread.
    """

    def __init__(
        self,
        probe: Callable[[], T],
        *,
        timeout_seconds: float = 0.1,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`probe` must not raise; errors have to be part of its value."""
        self._probe = probe
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._running = False
        self._started = 0.0
        self._rounds = 0
        self._value: T | None = None
        self._finished = monotonic()

    def result(self) -> ProbeResult[T]:
        """Starts the probe and waits for its value, at most the timeout."""
        return self.start()()

    def start(self) -> Callable[[], ProbeResult[T]]:
        """Starts the probe unless it runs; the returned function waits for the rest of the timeout."""
        with self._changed:
            if not self._running:
                self._running = True
                self._started = self._monotonic()
                threading.Thread(target=self._run, name="timed-probe", daemon=True).start()
            return partial(self._wait, self._rounds + 1)

    def _wait(self, round_number: int) -> ProbeResult[T]:
        with self._changed:
            timeout = self._timeout_seconds if self._rounds else FIRST_TIMEOUT_SECONDS
            rest = self._started + timeout - self._monotonic()
            self._changed.wait_for(lambda: self._rounds >= round_number, max(0.0, rest))
            return ProbeResult(self._value, max(0.0, self._monotonic() - self._finished))

    def _run(self) -> None:
        try:
            value = self._probe()
        except BaseException:
            with self._changed:
                self._running = False
            raise
        with self._changed:
            self._running = False
            self._value = value
            self._finished = self._monotonic()
            self._rounds += 1
            self._changed.notify_all()
