"""Request bodies: lets code that reads a body see each piece when it arrives from the network.

A read of many bytes returns only when all of them are there, which a client can delay for ever.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

OnBytes = Callable[[int], None]
"""Called with the number of bytes that arrived; it may raise an error, which the read then raises."""

_on_bytes: ContextVar[OnBytes | None] = ContextVar("on_bytes", default=None)


@contextmanager
def watched_by(on_bytes: OnBytes) -> Iterator[None]:
    """Calls `on_bytes` for each piece of a body that this thread receives."""
    token = _on_bytes.set(on_bytes)
    try:
        yield
    finally:
        _on_bytes.reset(token)


def least_pace(
    bytes_per_second: float, free_seconds: float, monotonic: Callable[[], float] = time.monotonic
) -> OnBytes:
    """Raises `TimeoutError` for a body that is slower than this, `free_seconds` after its first piece.

    A pace of 0 is no limit.
    """
    began: float | None = None
    size = 0

    def check(size_bytes: int) -> None:
        nonlocal began, size
        size += size_bytes
        began = monotonic() if began is None else began
        if bytes_per_second and monotonic() - began > free_seconds + size / bytes_per_second:
            raise TimeoutError("The body of the request arrived too slowly.")

    return check


def received(size_bytes: int) -> None:
    """To be called by the server after each piece that it received."""
    if on_bytes := _on_bytes.get():
        on_bytes(size_bytes)
