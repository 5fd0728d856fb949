"""The lifecycle: starts the parts in order, and closes them in reverse order."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Step:
    """One part: `start` returns soon; `close` is called also if `start` raises."""

    start: Callable[[], object]
    close: Callable[[], object] = _nothing


class Lifecycle:
    """An ordered list of steps."""

    def __init__(self) -> None:
        self._started = ExitStack()

    def start(self, steps: tuple[Step, ...]) -> None:
        """Starts the steps in order. If one raises, closes those before it and raises its error."""
        with ExitStack() as started:
            for step in steps:
                started.callback(step.close)
                step.start()
            self._started = started.pop_all()

    def close(self) -> None:
        """Closes what was started, the last first."""
        self._started.close()
