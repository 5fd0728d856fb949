"""A client of the live events: sends what a microphone says, and loses nothing when the connection breaks."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain, repeat
from typing import Any, Protocol

from whisper_appliance.client.socketio_client import Answer, Handler, ServerRefused
from whisper_appliance.core.errors import ApplianceError, Unavailable

WINDOW = 20
"""Packets on their way, not acknowledged yet."""
MOST_WAITING = 3000
"""Five minutes of packets; when so many wait, the source has to."""
PROBE_SECONDS = 1.0
BACK_OFF_SECONDS = (0.2, 0.5, 1, 2, 4, 8)
EVENTS = ("partial", "commit", "final", "vad", "flow", "error", "end")


class Connection(Protocol):
    """What a speaker needs of a wire."""

    def send(self, event: str, *payload: Any, answered: Callable[[Answer], None]) -> None: ...
    def ask(self, event: str, *payload: Any) -> Answer: ...
    def close(self) -> None: ...


class LiveClient:
    """One live session as its client sees it. `hear` is called with each event's kind and payload, once."""

    def __init__(
        self,
        connect: Callable[[dict[str, Handler]], Connection],
        wishes: dict[str, Any],
        hear: Callable[[str, Answer], None],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connect = connect
        self._wishes = wishes
        self._hear = hear
        self._sleep = sleep
        self._changed = threading.Condition()
        self._packets: deque[bytes] = deque()
        self._first = 0
        self._cursor = 0
        self._credit_ms = 1
        self._complete = False
        self._failure: ApplianceError | None = None
        self._wire: Connection | None = None
        self._lost = False
        self._connection = 0
        self._session: Answer = {}
        self._last_eid = 0
        self._early: list[tuple[str, Answer]] | None = None
        self.end: Answer | None = None

    def speak(self, packets: Iterable[bytes]) -> Answer:
        """Sends all packets and returns what `live:end` said. Raises `ServerRefused`, at first `Unavailable`, and
        what the source raises.
        """
        self._open()
        source = threading.Thread(target=self._take, args=(packets,), name="source", daemon=True)
        source.start()
        try:
            while self.end is None:
                if self._lost:
                    self._reopen()
                try:
                    self._step()
                except Unavailable:
                    self._lost = True
        finally:
            self._hang_up()
        return self.end

    def finish(self) -> None:
        """No more packets are taken; what has come is sent."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def finish_soon(self) -> None:
        """As `finish`, from a signal handler: the lock may be held by whom it interrupted."""
        threading.Thread(target=self.finish, daemon=True).start()

    def _take(self, packets: Iterable[bytes]) -> None:
        try:
            for packet in packets:
                with self._changed:
                    self._changed.wait_for(lambda: len(self._packets) < MOST_WAITING or self._complete)
                    if self._complete:
                        return
                    self._packets.append(packet)
                    self._changed.notify_all()
        except ApplianceError as error:
            self._failure = error
        finally:
            self.finish()

    def _step(self) -> None:
        """Sends one packet, or says stop when all are there, or waits."""
        with self._changed:
            if self._failure:
                raise self._failure
            packet = self._next()
            if packet is None and not (self._complete and not self._packets):
                self._changed.wait(PROBE_SECONDS)
                self._credit_ms = self._credit_ms or 1
                return
            seq = self._cursor
            self._cursor += packet is not None
        assert self._wire is not None  # noqa: S101 - `speak` has opened it
        if packet is None:
            self._stop(self._wire)
        else:
            head = {"s": self._session["session"], "q": seq}
            self._wire.send("live:audio", head, packet, answered=partial(self._answered, self._connection))

    def _next(self) -> bytes | None:
        ahead = self._cursor - self._first
        if self._lost or not self._credit_ms or ahead >= min(len(self._packets), WINDOW):
            return None
        return self._packets[ahead]

    def _stop(self, wire: Connection) -> None:
        answer = wire.ask("live:stop", {"session": self._session["session"], "next_seq": self._first})
        if answer["ok"]:
            with self._changed:
                self._changed.wait_for(lambda: self.end is not None or self._lost)

    def _answered(self, connection: int, answer: Answer) -> None:
        with self._changed:
            if connection != self._connection:
                return
            if "next_seq" in answer:
                self._kept(answer["next_seq"])
            if answer["ok"]:
                self._credit_ms = answer["credit_ms"]
            elif answer["code"] == "gap":
                self._cursor = self._first
            else:
                self._failure = ServerRefused(answer["message"])
            self._changed.notify_all()

    def _kept(self, next_seq: int) -> None:
        """All packets before this one are kept by the appliance."""
        while self._first < next_seq:
            self._packets.popleft()
            self._first += 1
        self._cursor = max(self._cursor, self._first)

    def _open(self) -> None:
        self._wire = self._connect(self._handlers())
        self._session = self._wire.ask("live:start", self._wishes)

    def _reopen(self) -> None:
        """Connects again, however long it takes, and goes on where the appliance has come to."""
        self._hang_up()
        for seconds in chain(BACK_OFF_SECONDS, repeat(BACK_OFF_SECONDS[-1])):
            self._sleep(seconds)
            try:
                self._early, self._lost = [], False
                self._wire = self._connect(self._handlers())
                self._resume(self._wire)
            except Unavailable:
                self._lost = True
                self._hang_up()
            else:
                return

    def _resume(self, wire: Connection) -> None:
        known = {name: self._session[name] for name in ("session", "token")}
        answer = wire.ask("live:resume", {**known, "last_eid": self._last_eid})
        with self._changed:
            self._kept(answer["next_seq"])
            self._cursor = answer["next_seq"]
            for missed in answer.get("events", ()):
                self._note(missed["kind"], missed)
            early, self._early = self._early or [], None
            for kind, payload in early:
                self._note(kind, payload)

    def _handlers(self) -> dict[str, Handler]:
        """For one connection; what an older one still has to say does not count."""
        self._connection += 1
        mine = self._connection

        def told(kind: str) -> Handler:
            return lambda payload: self._told(mine, kind, payload)

        return {"disconnect": lambda *_: self._gone(mine), **{f"live:{kind}": told(kind) for kind in EVENTS}}

    def _told(self, connection: int, kind: str, payload: Answer) -> None:
        with self._changed:
            if connection != self._connection:
                return
            if self._early is not None:
                self._early.append((kind, payload))
            else:
                self._note(kind, payload)

    def _note(self, kind: str, payload: Answer) -> None:
        """An event counts once; those without a number count always."""
        eid = payload.get("eid")
        if eid is not None and eid <= self._last_eid:
            return
        self._last_eid = eid or self._last_eid
        self._hear(kind, payload)
        if kind == "end":
            self.end = payload
        self._changed.notify_all()

    def _gone(self, connection: int) -> None:
        with self._changed:
            self._lost = self._lost or connection == self._connection
            self._changed.notify_all()

    def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire:
            wire.close()
