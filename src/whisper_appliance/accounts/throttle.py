"""Sign-in throttling: a progressive delay after failed attempts, and a rate limit for each client address."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from whisper_appliance.core.errors import Busy
from whisper_appliance.core.network import client_network

FAILURES_WITHOUT_DELAY = 5
FAILURE_WINDOW_SECONDS = 300.0
FIRST_DELAY_SECONDS = 2.0
MAX_DELAY_SECONDS = 300.0
ATTEMPTS_PER_ADDRESS = 20
ADDRESS_WINDOW_SECONDS = 60.0
MAX_ENTRIES = 10_000
"""Accounts and addresses that are tracked; the oldest are dropped."""
K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _Failures:
    times: deque[float] = field(default_factory=deque)
    delays: int = 0
    not_before: float = 0.0


class Throttle:
    """Counts failures for each account and address, and attempts for each address, in this process's memory.

    Delays double up to `MAX_DELAY_SECONDS`. They never lock an account for good, so that guessing cannot keep
    its user out.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()

    def attempt(self, account: str, address: str) -> None:
        """Counts an attempt, as a failure until `succeeded` is called. Raises `Busy` when it is too early.

        So parallel attempts count too. A refused attempt counts only for its address.
        """
        address = client_network(address)
        with self._lock:
            now = self._monotonic()
            self._count_address(address, now)
            failures = _get_or_add(self._failures, (account, address), _Failures)
            if now < failures.not_before:
                raise _too_many(failures.not_before - now)
            _drop_before(failures.times, now - FAILURE_WINDOW_SECONDS)
            if now >= failures.not_before + FAILURE_WINDOW_SECONDS:
                failures.delays = 0
            failures.times.append(now)
            if failures.delays or len(failures.times) >= FAILURES_WITHOUT_DELAY:
                delay = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**failures.delays)
                failures.delays = min(failures.delays + 1, 16)
                failures.not_before = now + delay

    def succeeded(self, account: str, address: str) -> None:
        """Resets the failures of this account from this address, because the last attempt was good."""
        with self._lock:
            self._failures.pop((account, client_network(address)), None)

    def _count_address(self, address: str, now: float) -> None:
        attempts = _get_or_add(self._attempts, address, deque)
        _drop_before(attempts, now - ADDRESS_WINDOW_SECONDS)
        if len(attempts) >= ATTEMPTS_PER_ADDRESS:
            raise _too_many(attempts[0] + ADDRESS_WINDOW_SECONDS - now)
        attempts.append(now)


def _get_or_add(entries: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    value = entries.pop(key, None) or make()
    entries[key] = value
    if len(entries) > MAX_ENTRIES:
        entries.popitem(last=False)
    return value


def _drop_before(times: deque[float], moment: float) -> None:
    while times and times[0] <= moment:
        times.popleft()


def _too_many(seconds: float) -> Busy:
    return Busy(
        "Too many attempts to sign in. Wait a little, then try again.", retry_after_seconds=max(1.0, seconds)
    )
