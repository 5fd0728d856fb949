"""The turn of a request: what is about to wait for long leaves it to the next request of the same client."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_leave: ContextVar[Callable[[], None] | None] = ContextVar("leave_turn", default=None)


@contextmanager
def left_by(leave_turn: Callable[[], None]) -> Iterator[None]:
    """Calls `leave_turn` when the request of this thread begins to wait, and what was to be called before."""
    before = _leave.get()

    def leave_both() -> None:
        leave_turn()
        if before:
            before()

    token = _leave.set(leave_both)
    try:
        yield
    finally:
        _leave.reset(token)


def leave() -> None:
    """To be called before a request waits for long: for a transcript, for events."""
    if leave_turn := _leave.get():
        leave_turn()
