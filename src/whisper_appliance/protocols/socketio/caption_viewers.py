"""Those who read along: the captions of a live session, for everybody who has its link."""

from collections.abc import Callable

from flask_socketio import join_room

from whisper_appliance.live.manager import LiveAnnouncement, LiveManager
from whisper_appliance.protocols.socketio.events import Answer, Emit
from whisper_appliance.protocols.socketio.payloads import WatchCaptions, read

SHOWN = ("partial", "commit", "final", "vad", "end")


class CaptionViewers:
    """Those who watch captions: one room for each live session."""

    def __init__(self, live: LiveManager, emit: Emit, close_room: Callable[[str], None]) -> None:
        self._live = live
        self._emit = emit
        self._close_room = close_room
        self._tokens: dict[str, str] = {}

    @property
    def handlers(self) -> dict[str, Callable[..., Answer]]:
        """By event."""
        return {"captions:watch": self.watch}

    def watch(self, *arguments: object) -> Answer:
        """Lets a reader in, with everything that was said so far."""
        token = read(WatchCaptions, arguments).token
        session = self._live.sharing.viewer_state(token).session
        join_room(_room(session))  # first: what is said meanwhile comes twice rather than not at all
        watched = self._live.sharing.viewer_state(token)
        self._tokens[session] = token
        seen = {"snapshot": watched.snapshot, "partial": watched.partial, "ended": watched.ended}
        return {"ok": True, **seen}

    def announce(self, told: LiveAnnouncement) -> None:
        """Tells the readers of a session what is for them."""
        token = self._tokens.get(told.session)
        if not told.shared or token is None or told.kind not in SHOWN:
            return
        payload = {"s": token, **told.payload}
        payload.pop("transcript_id", None)  # who reads along may not read, or delete, the transcript
        self._emit(f"live:{told.kind}", payload, _room(told.session))
        if told.kind == "end":
            self._tokens.pop(told.session, None)

    def dismiss(self, session: str, token: str) -> None:
        """The speaker has ended the link."""
        if self._tokens.pop(session, None):
            self._emit("captions:closed", {"token": token}, _room(session))
            self._close_room(_room(session))


def _room(session: str) -> str:
    return f"captions:{session}"
