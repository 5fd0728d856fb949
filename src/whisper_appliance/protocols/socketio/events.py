"""Live speech over Socket.IO: the `live:*` events of docs/live.md. Handlers append and acknowledge only."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from engineio.exceptions import EngineIOError
from flask import request
from flask_socketio import SocketIO

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.live.manager import Ack, LiveAnnouncement
from whisper_appliance.protocols.socketio.payloads import AudioHeader, Resume, SessionRef, Start, Stop, read
from whisper_appliance.web.auth.authentication import require

Answer = dict[str, Any]
Emit = Callable[[str, Answer, str], None]
"""Sends an event with its payload to a connection or a room."""


def emitter(sockets: SocketIO) -> Emit:
    """Sends through `sockets`; whoever has gone meanwhile is not told."""

    def emit(event: str, payload: Answer, to: str) -> None:
        with suppress(EngineIOError):
            sockets.emit(event, payload, to=to)

    return emit


def connection() -> str:
    """The connection whose event is being handled."""
    return str(request.sid)  # type: ignore[attr-defined] # Flask-SocketIO puts it there


class LiveEvents:
    """The sessions of clients that number their packets and acknowledge by number."""

    def __init__(self, appliance: Appliance, emit: Emit) -> None:
        self._appliance = appliance
        self._sessions = appliance.live
        self._emit = emit
        self._of: defaultdict[str, set[str]] = defaultdict(set)
        self._wishes: dict[str, Start] = {}

    @property
    def handlers(self) -> dict[str, Callable[..., Answer]]:
        """By event."""
        return {
            "live:start": self.start,
            "live:audio": self.audio,
            "live:resume": self.resume,
            "live:stop": self.stop,
            "live:pause": self.pause,
            "live:cancel": self.cancel,
        }

    def start(self, *arguments: Any) -> Answer:
        """Opens a session."""
        asking = require("transcribe")
        wishes = read(Start, arguments)
        check_ready(self._appliance.models, wishes.model, language=wishes.language, task=wishes.task)
        self._appliance.admission.check_live(asking.owner)
        opened = self._sessions.open(
            wishes.request(), owner=asking.owner, key_id=asking.key, connection=connection()
        )
        self._of[connection()].add(opened.session)
        self._wishes[opened.session] = wishes
        return {
            "ok": True,
            "session": opened.session,
            "token": opened.token,
            "next_seq": opened.next_seq,
            "credit_ms": opened.credit_ms,
            "limits": {"max_packet": opened.max_packet_bytes, "max_session_s": opened.max_seconds},
        }

    def audio(self, *arguments: Any) -> Answer:
        """Keeps one packet."""
        if len(arguments) != 2 or not isinstance(arguments[1], bytes):
            raise InvalidRequest("live:audio takes {s, q} and the audio as a binary attachment.")
        packet = read(AudioHeader, arguments[:1])
        return _acknowledged(self._sessions.feed(packet.s, packet.q, arguments[1], connection=connection()))

    def resume(self, *arguments: Any) -> Answer:
        """Takes a session up again on this connection."""
        wanted = read(Resume, arguments)
        resumed = self._sessions.resume(
            wanted.session, wanted.token, last_eid=wanted.last_eid, connection=connection()
        )
        self._of[connection()].add(wanted.session)
        answer = {"ok": True, "next_seq": resumed.next_seq, "partial": resumed.partial}
        if resumed.snapshot is not None:
            answer["snapshot"] = resumed.snapshot
        return {**answer, "events": list(resumed.events)}

    def stop(self, *arguments: Any) -> Answer:
        """Ends a session when all of its packets are there."""
        wanted = read(Stop, arguments)
        return _acknowledged(self._sessions.stop(wanted.session, wanted.next_seq, connection=connection()))

    def pause(self, *arguments: Any) -> Answer:
        """Leaves a session, which waits to be resumed."""
        session = read(SessionRef, arguments).session
        if session not in self._of[connection()]:
            raise NotFound("There is no such live session on this connection.")
        self._of[connection()].discard(session)
        self._sessions.detach(session, connection=connection())
        return {"ok": True}

    def cancel(self, *arguments: Any) -> Answer:
        """Ends a session and keeps nothing of it."""
        self._sessions.cancel(read(SessionRef, arguments).session, connection=connection())
        return {"ok": True}

    def left(self, connection: str) -> None:
        """The connection is gone; its sessions wait to be resumed."""
        for session in self._of.pop(connection, ()):
            self._sessions.detach(session, connection=connection)

    def announce(self, told: LiveAnnouncement) -> None:
        """Tells the newest connection of a session what it has to say."""
        wishes = self._wishes.get(told.session)
        if told.kind == "end":
            self._wishes.pop(told.session, None)
        if wishes and told.kind == "partial" and not wishes.partials:
            return
        payload = {"s": told.session, **told.payload}
        if wishes and not wishes.words:
            payload.pop("words", None)
        if told.connection:
            self._emit(f"live:{told.kind}", payload, told.connection)


def _acknowledged(ack: Ack) -> Answer:
    if not ack.ok:
        return {"ok": False, "code": "gap", "message": "Packets are missing.", "next_seq": ack.next_seq}
    return {"ok": True, "next_seq": ack.next_seq, "lag_ms": ack.lag_ms, "credit_ms": ack.credit_ms}
