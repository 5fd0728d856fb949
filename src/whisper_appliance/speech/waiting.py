"""The windows that wait for an engine: live, interactive, batch, and the least served job first."""

import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from whisper_appliance.speech.engine import Priority, Window, WindowResult


@dataclass(slots=True)
class Ticket:
    """One window on its way through the engine."""

    window: Window
    priority: Priority
    turn: int
    number: int
    future: Future[WindowResult] = field(default_factory=Future)
    attempts: int = 0

    @property
    def order(self) -> tuple[int, int, int]:
        """Lower goes first: the urgency, how many windows this job already had, the time of arrival."""
        return (self.priority, self.turn, self.number)


class WaitingWindows:
    """A heap of tickets. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[int, int, int], Ticket]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, window: Window, priority: Priority, turn: int) -> Ticket:
        """Lets a window wait."""
        ticket = Ticket(window, priority, turn, next(self._numbers))
        self.put_back(ticket)
        return ticket

    def put_back(self, ticket: Ticket) -> None:
        """Lets a window wait again, in its old place."""
        heapq.heappush(self._heap, (ticket.order, ticket))

    def take(self, most: int, allowed: Callable[[Priority], bool]) -> list[Ticket]:
        """The next window that is `allowed`, and up to `most - 1` more that have the same options."""
        taken: list[Ticket] = []
        while self._heap and len(taken) < most:
            ticket = self._heap[0][1]
            if not allowed(ticket.priority) or (taken and ticket.window.options != taken[0].window.options):
                break
            heapq.heappop(self._heap)
            if ticket.future.running() or ticket.future.set_running_or_notify_cancel():
                taken.append(ticket)
        return taken

    def clear(self) -> list[Ticket]:
        """Takes all out."""
        tickets = [ticket for _, ticket in sorted(self._heap, key=lambda entry: entry[0])]
        self._heap = []
        return tickets
