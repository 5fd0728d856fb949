"""Looking at something that may hang, without hanging with it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")
FIRST_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """What was seen last; `value` is None when nothing ever was."""

    value: T | None
    seconds_ago: float


class Glance(Generic[T]):
    """Asks in a thread of its own, and waits for the answer only a moment; then the one before has to do.

    Who looks at several things asks for all of them before taking the first answer, so that all of them take
    one moment. The first answer of all, which has none before it, is waited for longer. There is at most one
    question under way, so what hangs holds one thread, however many look.
    """

    def __init__(
        self,
        ask: Callable[[], T],
        *,
        patience_seconds: float = 0.1,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ask` must not raise; what can go wrong is part of its answer."""
        self._ask = ask
        self._patience_seconds = patience_seconds
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._asking = False
        self._asked = 0.0
        self._rounds = 0
        self._value: T | None = None
        self._answered = monotonic()

    def look(self) -> Seen[T]:
        """The answer of now, or the newest there is."""
        return self.ask()()

    def ask(self) -> Callable[[], Seen[T]]:
        """Starts to look; what is given waits for the rest of the moment."""
        with self._changed:
            if not self._asking:
                self._asking = True
                self._asked = self._monotonic()
                threading.Thread(target=self._run, name="glance", daemon=True).start()
            return partial(self._answer, self._rounds + 1)

    def _answer(self, wanted: int) -> Seen[T]:
        with self._changed:
            patience = self._patience_seconds if self._rounds else FIRST_PATIENCE_SECONDS
            rest = self._asked + patience - self._monotonic()
            self._changed.wait_for(lambda: self._rounds >= wanted, max(0.0, rest))
            return Seen(self._value, max(0.0, self._monotonic() - self._answered))

    def _run(self) -> None:
        try:
            value = self._ask()
        except BaseException:
            with self._changed:
                self._asking = False
            raise
        with self._changed:
            self._asking = False
            self._value = value
            self._answered = self._monotonic()
            self._rounds += 1
            self._changed.notify_all()
