"""Viewers of live captions: everyone with the link of a session receives its events, read-only."""

from collections.abc import Callable

from flask_socketio import join_room

from whisper_appliance.live.manager import LiveAnnouncement, LiveManager
from whisper_appliance.protocols.socketio.emit import Emit, Handler, JsonObject
from whisper_appliance.protocols.socketio.payloads import WatchCaptions, parse

VIEWER_EVENTS = ("partial", "commit", "final", "vad", "input", "end")


class CaptionViewers:
    """One Socket.IO room of viewers for each shared session."""

    def __init__(self, live: LiveManager, emit: Emit, close_room: Callable[[str], None]) -> None:
        self._live = live
        self._emit = emit
        self._close_room = close_room
        self._tokens: dict[str, str] = {}

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by event."""
        return {"captions:watch": self.watch}

    def watch(self, *arguments: object) -> JsonObject:
        """Adds a viewer, and acknowledges with all captions so far."""
        token = parse(WatchCaptions, arguments).token
        session = self._live.sharing.viewer_state(token).session
        join_room(_room(session))  # before the snapshot: an event in between comes twice instead of never
        state = self._live.sharing.viewer_state(token)
        self._tokens[session] = token
        return {
            "ok": True,
            "task": state.task,
            "snapshot": state.snapshot,
            "partial": state.partial,
            "arriving": state.arriving,
            "ended": state.ended,
        }

    def on_live_event(self, event: LiveAnnouncement) -> None:
        """Emits an event of a shared session to its viewers."""
        token = self._tokens.get(event.session)
        if not event.shared or token is None or event.kind not in VIEWER_EVENTS:
            return
        payload = {"s": token, **event.payload}
        payload.pop("transcript_id", None)  # a viewer may neither read nor delete the transcript
        self._emit(f"live:{event.kind}", payload, _room(event.session))
        if event.kind == "end":
            self._tokens.pop(event.session, None)

    def revoke(self, session: str, token: str) -> None:
        """Disconnects the viewers of a session whose link was revoked."""
        if self._tokens.pop(session, None):
            self._emit("captions:closed", {"token": token}, _room(session))
            self._close_room(_room(session))


def _room(session: str) -> str:
    return f"captions:{session}"
