"""A live client: streams packets to an appliance, and loses none when the connection breaks.

Packets are sent in a sliding window and kept until they are acknowledged. After a reconnect the session is
resumed, and the server replays the missed events.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain, repeat
from typing import Any, Protocol

from whisper_appliance.client.socketio_client import Handler, JsonObject, ServerRefused
from whisper_appliance.core.errors import ApplianceError, Unavailable

WINDOW = 20
"""Packets in flight: sent and not acknowledged yet."""
MAX_QUEUED = 3000
"""Five minutes of packets; with more, the source has to wait."""
PROBE_SECONDS = 1.0
BACK_OFF_SECONDS = (0.2, 0.5, 1, 2, 4, 8)
EVENTS = ("partial", "commit", "final", "vad", "flow", "error", "end")


class EventConnection(Protocol):
    """The part of `SocketIOClient` that a live client uses."""

    def send(self, event: str, *payload: Any, on_ack: Callable[[JsonObject], None]) -> None: ...
    def call(self, event: str, *payload: Any) -> JsonObject: ...
    def close(self) -> None: ...


class LiveClient:
    """One live session. Calls `on_event` with the kind and the payload of each event, once."""

    def __init__(
        self,
        connect: Callable[[dict[str, Handler]], EventConnection],
        options: dict[str, Any],
        on_event: Callable[[str, JsonObject], None],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`connect` opens a connection with these handlers; `options` is the payload of live:start."""
        self._connect = connect
        self._options = options
        self._on_event = on_event
        self._sleep = sleep
        self._changed = threading.Condition()
        self._packets: deque[bytes] = deque()
        self._first = 0
        self._cursor = 0
        self._credit_ms = 1
        self._complete = False
        self._failure: ApplianceError | None = None
        self._connection: EventConnection | None = None
        self._lost = False
        self._generation = 0
        self._session: JsonObject = {}
        self._last_eid = 0
        self._before_replay: list[tuple[str, JsonObject]] | None = None
        self.end: JsonObject | None = None

    def stream(self, packets: Iterable[bytes]) -> JsonObject:
        """Sends all packets and returns the payload of live:end.

        Raises `ServerRefused`, `Unavailable` if the first connection fails, and what `packets` raises.
        """
        self._open()
        source = threading.Thread(target=self._enqueue_all, args=(packets,), name="source", daemon=True)
        source.start()
        try:
            while self.end is None:
                if self._lost:
                    self._reconnect()
                try:
                    self._step()
                except Unavailable:
                    self._lost = True
        finally:
            self._disconnect()
        return self.end

    def finish(self) -> None:
        """Takes no more packets; those enqueued are still sent."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def finish_soon(self) -> None:
        """As `finish`, for a signal handler, because the interrupted thread may hold the lock."""
        threading.Thread(target=self.finish, daemon=True).start()

    def _enqueue_all(self, packets: Iterable[bytes]) -> None:
        try:
            for packet in packets:
                with self._changed:
                    self._changed.wait_for(lambda: len(self._packets) < MAX_QUEUED or self._complete)
                    if self._complete:
                        return
                    self._packets.append(packet)
                    self._changed.notify_all()
        except ApplianceError as error:
            self._failure = error
        finally:
            self.finish()

    def _step(self) -> None:
        """Sends one packet, or stops the session if all are acknowledged, or waits."""
        with self._changed:
            if self._failure:
                raise self._failure
            packet = self._next_packet()
            if packet is None and not (self._complete and not self._packets):
                self._changed.wait(PROBE_SECONDS)
                self._credit_ms = self._credit_ms or 1
                return
            seq = self._cursor
            self._cursor += packet is not None
        assert self._connection is not None  # noqa: S101 - opened by `stream`
        if packet is None:
            self._stop(self._connection)
        else:
            header = {"s": self._session["session"], "q": seq}
            self._connection.send(
                "live:audio", header, packet, on_ack=partial(self._on_ack, self._generation)
            )

    def _next_packet(self) -> bytes | None:
        in_flight = self._cursor - self._first
        if self._lost or not self._credit_ms or in_flight >= min(len(self._packets), WINDOW):
            return None
        return self._packets[in_flight]

    def _stop(self, connection: EventConnection) -> None:
        ack = connection.call("live:stop", {"session": self._session["session"], "next_seq": self._first})
        if ack["ok"]:
            with self._changed:
                self._changed.wait_for(lambda: self.end is not None or self._lost)

    def _on_ack(self, generation: int, ack: JsonObject) -> None:
        with self._changed:
            if generation != self._generation:
                return
            if "next_seq" in ack:
                self._drop_before(ack["next_seq"])
            if ack["ok"]:
                self._credit_ms = ack["credit_ms"]
            elif ack["code"] == "gap":
                self._cursor = self._first
            else:
                self._failure = ServerRefused(ack["message"])
            self._changed.notify_all()

    def _drop_before(self, next_seq: int) -> None:
        """Drops the packets that the server has acknowledged."""
        while self._first < next_seq:
            self._packets.popleft()
            self._first += 1
        self._cursor = max(self._cursor, self._first)

    def _open(self) -> None:
        self._connection = self._connect(self._handlers())
        self._session = self._connection.call("live:start", self._options)

    def _reconnect(self) -> None:
        """Reconnects with back-off until it succeeds, and resumes the session."""
        self._disconnect()
        for seconds in chain(BACK_OFF_SECONDS, repeat(BACK_OFF_SECONDS[-1])):
            self._sleep(seconds)
            try:
                self._before_replay, self._lost = [], False
                self._connection = self._connect(self._handlers())
                self._resume(self._connection)
            except Unavailable:
                self._lost = True
                self._disconnect()
            else:
                return

    def _resume(self, connection: EventConnection) -> None:
        session = {name: self._session[name] for name in ("session", "token")}
        ack = connection.call("live:resume", {**session, "last_eid": self._last_eid})
        with self._changed:
            self._drop_before(ack["next_seq"])
            self._cursor = ack["next_seq"]
            for missed in ack.get("events", ()):
                self._dispatch(missed["kind"], missed)
            early, self._before_replay = self._before_replay or [], None
            for kind, payload in early:
                self._dispatch(kind, payload)

    def _handlers(self) -> dict[str, Handler]:
        """Handlers of the next connection; late events of an older connection are ignored."""
        self._generation += 1
        generation = self._generation

        def on(kind: str) -> Handler:
            return lambda payload: self._receive(generation, kind, payload)

        return {
            "disconnect": lambda *_: self._on_disconnect(generation),
            **{f"live:{kind}": on(kind) for kind in EVENTS},
        }

    def _receive(self, generation: int, kind: str, payload: JsonObject) -> None:
        """Dispatches an event; before the replay of missed events is complete, it is kept for later."""
        with self._changed:
            if generation != self._generation:
                return
            if self._before_replay is not None:
                self._before_replay.append((kind, payload))
            else:
                self._dispatch(kind, payload)

    def _dispatch(self, kind: str, payload: JsonObject) -> None:
        """Calls `on_event`, unless the event has a number that was dispatched before."""
        eid = payload.get("eid")
        if eid is not None and eid <= self._last_eid:
            return
        self._last_eid = eid or self._last_eid
        self._on_event(kind, payload)
        if kind == "end":
            self.end = payload
        self._changed.notify_all()

    def _on_disconnect(self, generation: int) -> None:
        with self._changed:
            self._lost = self._lost or generation == self._generation
            self._changed.notify_all()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()
