"""Turns of the connections of one client, so that its burst does not delay the others.

Threads that compute share one core (the GIL): a hundred TLS handshakes at once would delay each other request
by a second. Of each client, a few run at once, and the others wait in line.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

TURNS_AT_ONCE = 4
"""More would not be faster: the threads of all clients share one core."""
TURN_SECONDS = 0.1
"""What takes longer waits for something, such as a slow client, and leaves its turn to the next one. What is
known to wait leaves it at once (`core.request_turn`)."""
Connection = TypeVar("Connection")


@dataclass
class _Line(Generic[Connection]):
    """The connections of one client: when each that has a turn began, all that hold a thread, and those that
    wait."""

    running: dict[Connection, float] = field(default_factory=dict)
    holding: set[Connection] = field(default_factory=set)
    waiting: deque[Connection] = field(default_factory=deque)


class ClientTurns(Generic[Connection]):
    """Starts connections in turn, `TURNS_AT_ONCE` of each client; one thread uses it."""

    def __init__(
        self,
        start: Callable[[Connection], None],
        *,
        threads_at_once: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`start` begins to serve a connection, in another thread. `threads_at_once` is how many threads one
        client may hold, however long it takes; 0: any number.
        """
        self._start = start
        self._threads_at_once = threads_at_once
        self._monotonic = monotonic
        self._lines: defaultdict[str, _Line[Connection]] = defaultdict(_Line)

    def take(self, client: str, connection: Connection) -> None:
        """Starts a connection that has sent something, now or when its turn comes."""
        self._lines[client].waiting.append(connection)
        self._advance(client)

    def end(self, client: str, connection: Connection) -> None:
        """A connection was served, or has a place of its own: the turn is that of the next one."""
        if client in self._lines:
            self._lines[client].running.pop(connection, None)
            self._lines[client].holding.discard(connection)
            self._advance(client)

    def advance(self) -> float | None:
        """Starts those behind one that takes long; the seconds until the next may start, None: none waits."""
        for client in [client for client, line in self._lines.items() if line.waiting]:
            self._advance(client)
        begun = [
            min(line.running.values())
            for line in self._lines.values()
            if line.waiting and not self._has_all_threads(line)
        ]
        return max(0.0, min(begun) + TURN_SECONDS - self._monotonic()) if begun else None

    def _advance(self, client: str) -> None:
        line, now = self._lines[client], self._monotonic()
        while line.waiting and self._has_turn(line, now):
            connection = line.waiting.popleft()
            line.running[connection] = now
            line.holding.add(connection)
            self._start(connection)
        if not line.holding and not line.waiting:
            del self._lines[client]

    def _has_turn(self, line: _Line[Connection], now: float) -> bool:
        if self._has_all_threads(line):
            return False
        if len(line.running) < TURNS_AT_ONCE:
            return True
        longest = next(iter(line.running))  # those that run stand in the order of their begin
        if now - line.running[longest] < TURN_SECONDS:
            return False
        del line.running[longest]
        return True

    def _has_all_threads(self, line: _Line[Connection]) -> bool:
        return 0 < self._threads_at_once <= len(line.holding)
