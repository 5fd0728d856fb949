"""The `live:*` events of Socket.IO (docs/live.md): numbered packets in, acknowledgements and captions out."""

from collections import defaultdict
from typing import Any

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.live.manager import Ack, LiveAnnouncement
from whisper_appliance.protocols.socketio.emit import Emit, Handler, JsonObject, current_connection
from whisper_appliance.protocols.socketio.payloads import AudioHeader, Resume, SessionRef, Start, Stop, parse
from whisper_appliance.protocols.socketio.webrtc_events import WebRtcEvents
from whisper_appliance.web.auth.authentication import require


class LiveEvents:
    """Handlers for clients that number their packets; each call only passes its event to the live manager."""

    def __init__(self, appliance: Appliance, emit: Emit, webrtc: WebRtcEvents) -> None:
        """`webrtc` has the peers of sessions; they end with what uses the socket instead."""
        self._appliance = appliance
        self._live = appliance.live
        self._emit = emit
        self._webrtc = webrtc
        self._sessions_of: defaultdict[str, set[str]] = defaultdict(set)
        self._options: dict[str, Start] = {}

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by event."""
        return {
            "live:start": self.start,
            "live:audio": self.audio,
            "live:resume": self.resume,
            "live:stop": self.stop,
            "live:pause": self.pause,
            "live:cancel": self.cancel,
        }

    def start(self, *arguments: Any) -> JsonObject:
        """Opens a session."""
        actor = require("transcribe")
        options = parse(Start, arguments)
        if options.model is None:
            live_model_for = self._appliance.submit_recording.live_model_for
            own = live_model_for(actor.owner, options.language, options.task)
            options = options.model_copy(update={"model": own})
        check_ready(self._appliance.models, options.model, language=options.language, task=options.task)
        self._appliance.admission.check_live(actor.owner)
        connection = current_connection()
        opened = self._live.open(
            options.request(),
            owner=actor.owner,
            key_id=actor.key,
            connection=connection,
            network=actor.visitor_network,
        )
        self._sessions_of[connection].add(opened.session)
        self._options[opened.session] = options
        return {
            "ok": True,
            "session": opened.session,
            "token": opened.token,
            "next_seq": opened.next_seq,
            "credit_ms": opened.credit_ms,
            "limits": {"max_packet": opened.max_packet_bytes, "max_session_s": opened.max_seconds},
        }

    def audio(self, *arguments: Any) -> JsonObject:
        """Feeds one packet."""
        if len(arguments) != 2 or not isinstance(arguments[1], bytes):
            raise InvalidRequest("live:audio takes {s, q} and the audio as a binary attachment.")
        header = parse(AudioHeader, arguments[:1])
        return _ack(self._live.feed(header.s, header.q, arguments[1], connection=current_connection()))

    def resume(self, *arguments: Any) -> JsonObject:
        """Attaches a session to this connection, and replays the missed events."""
        wanted = parse(Resume, arguments)
        connection = current_connection()
        self._webrtc.end(wanted.session, connection=connection)
        resumed = self._live.resume(
            wanted.session, wanted.token, last_eid=wanted.last_eid, connection=connection
        )
        self._sessions_of[connection].add(wanted.session)
        ack = {"ok": True, "next_seq": resumed.next_seq, "partial": resumed.partial}
        if resumed.snapshot is not None:
            ack["snapshot"] = resumed.snapshot
        return {**ack, "events": list(resumed.events)}

    def stop(self, *arguments: Any) -> JsonObject:
        """Stops a session once all of its packets have arrived."""
        wanted = parse(Stop, arguments)
        ack = self._live.stop(wanted.session, wanted.next_seq, connection=current_connection())
        if ack.ok:
            self._webrtc.end(wanted.session)
        return _ack(ack)

    def pause(self, *arguments: Any) -> JsonObject:
        """Detaches a session, which can be resumed."""
        session, connection = parse(SessionRef, arguments).session, current_connection()
        if session not in self._sessions_of[connection]:
            raise NotFound("There is no such live session on this connection.")
        self._sessions_of[connection].discard(session)
        self._webrtc.end(session, connection=connection)
        self._live.detach(session, connection=connection)
        return {"ok": True}

    def cancel(self, *arguments: Any) -> JsonObject:
        """Cancels a session; nothing of it is kept."""
        self._live.cancel(parse(SessionRef, arguments).session, connection=current_connection())
        return {"ok": True}

    def on_disconnect(self, connection: str) -> None:
        """Detaches the sessions of a connection that has ended; they can be resumed."""
        for session in self._sessions_of.pop(connection, ()):
            self._live.detach(session, connection=connection)
        self._webrtc.on_disconnect(connection)  # after them: an offer that is answered now finds none

    def on_live_event(self, event: LiveAnnouncement) -> None:
        """Emits an event of a session to its newest connection."""
        options = self._options.get(event.session)
        if event.kind == "end":
            self._options.pop(event.session, None)
            self._webrtc.end(event.session)
        if options and event.kind == "partial" and not options.partials:
            return
        payload = {"s": event.session, **event.payload}
        if options and not options.words:
            payload.pop("words", None)
        if event.connection:
            self._emit(f"live:{event.kind}", payload, event.connection)


def _ack(ack: Ack) -> JsonObject:
    if not ack.ok:
        return {"ok": False, "code": "gap", "message": "Packets are missing.", "next_seq": ack.next_seq}
    return {"ok": True, "next_seq": ack.next_seq, "lag_ms": ack.lag_ms, "credit_ms": ack.credit_ms}
