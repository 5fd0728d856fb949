"""How often one may try to sign in: guessing gets slower and slower, nobody is locked out for good."""

import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from whisper_appliance.core.errors import Busy

FREE_FAILURES = 5
WITHIN_SECONDS = 300.0
FIRST_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 300.0
PER_ADDRESS = 20
ADDRESS_SECONDS = 60.0
REMEMBERED = 10_000
"""Accounts and addresses kept in mind; the oldest are forgotten."""
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(slots=True)
class _Tries:
    failures: deque[float] = field(default_factory=deque)
    delays: int = 0
    not_before: float = 0.0


class Throttle:
    """Counts failures by account and address, and attempts by address, in this process's memory."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()

    def attempt(self, account: str, address: str) -> None:
        """Notes an attempt, as a failure until `succeeded` is told. Raises `Busy` when it is too early.

        So attempts that run side by side count too. One that is turned away counts for its address only.
        """
        address = network_of(address)
        with self._lock:
            now = self._monotonic()
            self._count_address(address, now)
            tries = _remembered(self._tries, (account, address), _Tries)
            if now < tries.not_before:
                raise _too_many(tries.not_before - now)
            _forget_before(tries.failures, now - WITHIN_SECONDS)
            if now >= tries.not_before + WITHIN_SECONDS:
                tries.delays = 0
            tries.failures.append(now)
            if tries.delays or len(tries.failures) >= FREE_FAILURES:
                delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**tries.delays)
                tries.delays = min(tries.delays + 1, 16)
                tries.not_before = now + delay

    def succeeded(self, account: str, address: str) -> None:
        """The last attempt was good: the account starts afresh, for this address."""
        with self._lock:
            self._tries.pop((account, network_of(address)), None)

    def _count_address(self, address: str, now: float) -> None:
        attempts = _remembered(self._attempts, address, deque)
        _forget_before(attempts, now - ADDRESS_SECONDS)
        if len(attempts) >= PER_ADDRESS:
            raise _too_many(attempts[0] + ADDRESS_SECONDS - now)
        attempts.append(now)


def network_of(address: str) -> str:
    """Who has one IPv6 address has 2^64 of them: all of these count as one."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if ip.version == 4 or ip.ipv4_mapped:
        return str(ip.ipv4_mapped if ip.version == 6 else ip)
    return str(ipaddress.ip_network((ip, 64), strict=False))


def _remembered(memory: OrderedDict[Key, Value], key: Key, make: Callable[[], Value]) -> Value:
    value = memory.pop(key, None) or make()
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
    return value


def _forget_before(times: deque[float], moment: float) -> None:
    while times and times[0] <= moment:
        times.popleft()


def _too_many(seconds: float) -> Busy:
    return Busy(
        "Too many attempts to sign in. Wait a little, then try again.", retry_after_seconds=max(1.0, seconds)
    )
