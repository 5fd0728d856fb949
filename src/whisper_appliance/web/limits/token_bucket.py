"""How fast one connection may send: a bucket of tokens that refills steadily."""

import threading
import time
from collections.abc import Callable

from whisper_appliance.core.errors import Busy


class TokenBucket:
    """Allows `rate` a second, and `burst` at once. Thread-safe."""

    def __init__(self, rate: float, burst: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._left = burst
        self._at = monotonic()

    def take(self, amount: float, *, patience_seconds: float) -> float:
        """How many seconds to wait before going on. Raises `Busy` when that is longer than one may wait."""
        with self._lock:
            now = self._monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
            self._at = now
            wait = max(0.0, (amount - self._left) / self._rate)
            if wait > patience_seconds:
                raise Busy("More was sent than is taken in that time.", retry_after_seconds=wait)
            self._left -= amount
            return wait
