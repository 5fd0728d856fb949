"""Waiting for a fact, instead of for a time."""

import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.01
MAX_POLL_SECONDS = 0.2


def wait_until(
    fact: Callable[[], T | Literal[False] | None], timeout_seconds: float = 60.0, *, reason: object = None
) -> T:
    """Polls until `fact()` is true, and returns its value; fails with `reason` after the timeout.

    A fact that takes long to find, such as by a request over TLS, is polled less often, because the server
    that it waits for needs the processor too.
    """
    deadline = time.monotonic() + timeout_seconds
    begun = time.monotonic()
    while not (value := fact()):
        now = time.monotonic()
        assert now < deadline, _why(reason)
        time.sleep(min(max(POLL_SECONDS, 8 * (now - begun)), MAX_POLL_SECONDS))
        begun = time.monotonic()
    return value


def _why(reason: object) -> object:
    text = reason() if callable(reason) else reason
    return text or "the fact that the test waits for did not come true in time"
