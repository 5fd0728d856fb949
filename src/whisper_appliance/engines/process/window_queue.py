"""The windows that wait for an engine: live, interactive, batch, and the least served job first."""

import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from whisper_appliance.engines.contract import Priority, Window, WindowResult


@dataclass(slots=True)
class QueuedWindow:
    """One window on its way through the engine.

    `suspect`: an engine died while it worked on this window, among others perhaps.
    """

    window: Window
    priority: Priority
    windows_before: int
    number: int
    future: Future[WindowResult] = field(default_factory=Future)
    attempts: int = 0
    quarantined: bool = False

    @property
    def order(self) -> tuple[bool, int, int, int]:
        """Lower goes first: suspects, the urgency, how many windows this job already had, the arrival."""
        return (not self.quarantined, self.priority, self.windows_before, self.number)

    @property
    def is_urgent(self) -> bool:
        """Captions, and the first window of somebody who waits."""
        return self.priority is Priority.LIVE or (
            self.priority is Priority.INTERACTIVE and self.windows_before == 0
        )

    @property
    def samples(self) -> int:
        """The length of the window."""
        return len(self.window.samples)

    def batches_with(self, other: "QueuedWindow") -> bool:
        """Whether both may be heard at once: equally urgent, with equal options, after the same words."""
        if self.quarantined or other.quarantined:
            return False
        ours, theirs = self.window, other.window
        return (self.priority, ours.options, ours.previous_tokens) == (
            other.priority, theirs.options, theirs.previous_tokens,
        )  # fmt: skip


class WindowQueue:
    """A heap of tickets. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[bool, int, int, int], QueuedWindow]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def enqueue(self, window: Window, priority: Priority, turn: int) -> QueuedWindow:
        """Lets a window wait."""
        ticket = QueuedWindow(window, priority, turn, next(self._numbers))
        self.requeue(ticket)
        return ticket

    def requeue(self, ticket: QueuedWindow) -> None:
        """Lets a window wait again, in its old place."""
        heapq.heappush(self._heap, (ticket.order, ticket))

    def take_batch(self, most: int, allowed: Callable[[QueuedWindow], bool]) -> list[QueuedWindow]:
        """The next window, if it is `allowed`, and up to `most - 1` more that may be heard together with it.

        Of those, the ones that are nearest to it in length: shorter windows are filled up to the longest.
        """
        while self._heap and allowed(self._heap[0][1]):
            first = heapq.heappop(self._heap)[1]
            if not _is_wanted(first):
                continue
            mates = [ticket for _, ticket in self._heap if ticket.batches_with(first) and allowed(ticket)]
            mates.sort(key=lambda mate: (abs(mate.samples - first.samples), mate.order))
            taken = [first, *(mate for mate in mates[: most - 1] if _is_wanted(mate))]
            gone = {id(ticket) for ticket in mates[: most - 1]}
            self._heap = [entry for entry in self._heap if id(entry[1]) not in gone]
            heapq.heapify(self._heap)
            return sorted(taken, key=lambda ticket: ticket.order)
        return []

    def clear(self) -> list[QueuedWindow]:
        """Takes all out."""
        tickets = [ticket for _, ticket in sorted(self._heap, key=lambda entry: entry[0])]
        self._heap = []
        return tickets


def _is_wanted(ticket: QueuedWindow) -> bool:
    return ticket.future.running() or ticket.future.set_running_or_notify_cancel()
