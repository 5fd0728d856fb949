"""Program requests: the latest requests of other programs, so that people see whether theirs arrived.

They are kept in memory only, for an hour at most, and apart for each sender. They hold no words and no names
of files.
"""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from whisper_appliance.core.clock import Clock, now

KEPT_MINUTES = 60
KEPT_REQUESTS = 5
"""Of a sender and protocol."""
MAX_SENDERS = 500
"""The least recent ones are forgotten."""
MAX_CLIENT_LENGTH = 160


@dataclass(frozen=True, slots=True)
class ProgramRequest:
    """One request, or one connection of a socket, with its result so far.

    `status` is the HTTP status, 101 for an open socket; `code` and `message` describe an error.
    """

    protocol: str
    at: datetime
    client: str
    """The User-Agent."""
    address: str
    """Method and path."""
    status: int
    model: str | None = None
    code: str | None = None
    message: str | None = None


class ProgramRequests:
    """The latest requests of each sender. A sender is a user or a visitor, or what else names a program."""

    def __init__(self, clock: Clock = now) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, OrderedDict[int, ProgramRequest]] = OrderedDict()

    def record(self, sender: str, request: ProgramRequest) -> int:
        """Keeps a request; returns its number, for `update`."""
        number = next(self._numbers)
        with self._lock:
            kept = self._kept.setdefault(sender, OrderedDict())
            kept[number] = replace(request, client=request.client[:MAX_CLIENT_LENGTH])
            same = [old for old, each in kept.items() if each.protocol == request.protocol]
            for old in same[:-KEPT_REQUESTS]:
                del kept[old]
            self._kept.move_to_end(sender)
            while len(self._kept) > MAX_SENDERS:
                self._kept.popitem(last=False)
        return number

    def update(self, sender: str, number: int, code: str, message: str) -> None:
        """Adds the error with which a request or a connection ended after its response had begun."""
        with self._lock:
            kept = self._kept.get(sender, OrderedDict())
            if number in kept:
                kept[number] = replace(kept[number], code=code, message=message)

    def latest(self, senders: Collection[str], *, prefix: str | None = None) -> list[ProgramRequest]:
        """The requests of these senders, and of those whose name begins with `prefix`; the newest first."""
        oldest = self._clock() - timedelta(minutes=KEPT_MINUTES)
        with self._lock:
            self._forget_before(oldest)
            found = [
                (request.at, number, request)
                for sender, kept in self._kept.items()
                if sender in senders or (prefix is not None and sender.startswith(prefix))
                for number, request in kept.items()
            ]
        return [request for _at, _number, request in sorted(found, key=lambda each: each[:2], reverse=True)]

    def _forget_before(self, oldest: datetime) -> None:
        for sender, kept in list(self._kept.items()):
            for number in [number for number, request in kept.items() if request.at < oldest]:
                del kept[number]
            if not kept:
                del self._kept[sender]
