"""What carries a session: the ports between sessions and their WebSocket or WebRTC peer."""

from collections.abc import Callable
from typing import Protocol

from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.openai_realtime.server_events import Send, error_json, event


class AnySession(Protocol):
    """A session of any kind, as a transport uses it."""

    connection: str

    def start(self) -> None: ...
    def handle(self, message: bytes | str) -> None: ...
    def on_live_event(self, announcement: LiveAnnouncement) -> None: ...
    def close(self) -> None: ...


class AudioSession(AnySession, Protocol):
    """A session that takes decoded audio, too."""

    def feed_pcm(self, pcm: bytes) -> None: ...


MakeSession = Callable[[Send, Callable[[int], None], Callable[[], None]], AnySession]
"""Makes a session from what sends its events, what throttles it, and what ends its connection."""
MakeAudioSession = Callable[[Send, Callable[[int], None], Callable[[], None]], AudioSession]


def handle_safely(session: AnySession, message: bytes | str, send: Send) -> None:
    """Handles one event of the client; an unexpected error is logged and costs this event only."""
    if not log_errors(lambda: session.handle(message), "a realtime event failed"):
        send(event("error", error=error_json("internal", "An internal error occurred.", "server_error")))
