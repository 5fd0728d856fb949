"""A token bucket: the rate limit of one connection."""

import threading
import time
from collections.abc import Callable

from whisper_appliance.core.errors import Busy


class TokenBucket:
    """Allows `rate` tokens a second, and bursts of `burst`. Thread-safe."""

    def __init__(self, rate: float, burst: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._tokens = burst
        self._updated_at = monotonic()

    def take(self, amount: float, *, max_wait_seconds: float) -> float:
        """Takes tokens; returns the seconds to wait before going on. Raises `Busy` if that is too long."""
        with self._lock:
            now = self._monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._updated_at) * self._rate)
            self._updated_at = now
            wait = max(0.0, (amount - self._tokens) / self._rate)
            if wait > max_wait_seconds:
                raise Busy("The connection exceeds its rate limit.", retry_after_seconds=wait)
            self._tokens -= amount
            return wait
