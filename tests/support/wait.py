"""Waiting for a fact, instead of for a time."""

import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.01


def wait_until(
    fact: Callable[[], T | Literal[False] | None], timeout_seconds: float = 60.0, *, reason: object = None
) -> T:
    """Polls until `fact()` is true, and returns its value; fails with `reason` after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not (value := fact()):
        assert time.monotonic() < deadline, _why(reason)
        time.sleep(POLL_SECONDS)
    return value


def _why(reason: object) -> object:
    text = reason() if callable(reason) else reason
    return text or "the fact that the test waits for did not come true in time"
