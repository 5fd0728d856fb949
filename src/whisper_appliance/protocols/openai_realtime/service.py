"""The realtime service of one application: its connections, its client secrets, and the names of models."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from flask import request

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import ApplianceError, NotFound
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.connection import Connection
from whisper_appliance.protocols.openai_realtime import realtime_auth
from whisper_appliance.protocols.openai_realtime.client_secrets import ClientSecrets
from whisper_appliance.protocols.openai_realtime.outbox import Outbox
from whisper_appliance.protocols.openai_realtime.realtime_session import RealtimeSession
from whisper_appliance.protocols.openai_realtime.server_events import (
    JsonObject,
    Send,
    error_event,
    error_json,
    event,
)
from whisper_appliance.protocols.openai_realtime.translation_session import TranslationSession
from whisper_appliance.protocols.websocket_view import WebSocketView
from whisper_appliance.web.context import WebContext

NAME = "openai_realtime"
OPENAI_MODELS = ("whisper-1", "gpt-")
RECHECK_SECONDS = 60.0
FAREWELL_SECONDS = 2.0
log = structlog.get_logger()
MakeSession = Callable[[Send, Callable[[int], None], Callable[[], None]], "AnySession"]
"""Makes a session from what sends its events, what throttles it, and what ends its connection."""


class AnySession(Protocol):
    """A session of any kind, as a transport uses it."""

    connection: str

    def start(self) -> None: ...
    def handle(self, message: bytes | str) -> None: ...
    def on_live_event(self, announcement: LiveAnnouncement) -> None: ...
    def close(self) -> None: ...


class RealtimeService:
    """All realtime connections."""

    def __init__(self, context: WebContext, view: WebSocketView) -> None:
        self.context = context
        self.view = view
        self.secrets = ClientSecrets(context.appliance.accounts)
        self._sessions: dict[str, AnySession] = {}

    def check_served(self) -> None:
        """Raises `NotFound` if the protocol is switched off."""
        if NAME not in self.context.appliance.settings.protocols:
            raise NotFound("This API is switched off. An administrator can switch it on, in PROTOCOLS.")

    def resolve_model(self, name: str | None) -> str | None:
        """The local model of a name: of MODEL_ALIASES, else the default (None) for OpenAI's names."""
        aliases = dict(alias.split("=", 1) for alias in self.context.appliance.settings.model_aliases)
        named = {alias.strip(): model.strip() for alias, model in aliases.items()}.get(name or "", name)
        return None if not named or named.startswith(OPENAI_MODELS) else named

    def transcription(self, actor: Actor, session: JsonObject, *, beta: bool) -> MakeSession:
        """Makes transcription sessions for an actor. `session` is their first configuration."""

        def make(send: Send, throttle: Callable[[int], None], _close: Callable[[], None]) -> AnySession:
            return RealtimeSession(
                self.context.appliance,
                actor,
                send,
                session=session,
                resolve_model=self.resolve_model,
                throttle=throttle,
                beta=beta,
            )

        return make

    def translation(self, actor: Actor, session: JsonObject) -> MakeSession:
        """Makes translation sessions for an actor."""

        def make(send: Send, throttle: Callable[[int], None], close: Callable[[], None]) -> AnySession:
            return TranslationSession(
                self.context.appliance,
                actor,
                send,
                session=session,
                resolve_model=self.resolve_model,
                throttle=throttle,
                on_closed=close,
            )

        return make

    def serve(self, connection: Connection, throttle: Callable[[int], None], make: MakeSession) -> None:
        """Serves one WebSocket, in the context of its request, until it ends."""
        outbox = Outbox(connection)
        checked_at = time.monotonic()
        session = make(outbox.send, throttle, outbox.finish)
        try:
            self.open(session)
            while (message := connection.recv()) is not None:
                if time.monotonic() - checked_at > RECHECK_SECONDS:
                    checked_at = time.monotonic()
                    realtime_auth.checked_again(self.secrets)
                throttle(0)
                handle_safely(session, message, outbox.send)
        except ApplianceError as error:  # the model cannot do it, or the key was revoked
            outbox.send(error_event(error))
        finally:
            self.close(session)
            outbox.close(drain_seconds=FAREWELL_SECONDS)

    def open(self, session: AnySession) -> None:
        """Starts a session, and passes it its live events from now on."""
        self._sessions[session.connection] = session
        session.start()

    def close(self, session: AnySession) -> None:
        """Ends a session whose connection has ended."""
        self._sessions.pop(session.connection, None)
        session.close()

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Passes an event of a live session to its connection."""
        session = self._sessions.get(announcement.connection)
        if session is not None:
            session.on_live_event(announcement)


def handle_safely(session: AnySession, message: bytes | str, send: Send) -> None:
    """Handles one event of the client; an unexpected error is logged and costs this event only."""
    try:
        session.handle(message)
    except Exception:
        log.exception("a realtime event failed")
        send(event("error", error=error_json("internal", "An internal error occurred.", "server_error")))


def first_session(secret_session: JsonObject | None, model: str | None) -> JsonObject:
    """The configuration that a connection starts with: of its client secret, else the model of its URL."""
    if secret_session is not None:
        return secret_session
    return {"audio": {"input": {"transcription": {"model": model}}}} if model else {}


def peer_environ() -> dict[str, Any]:
    """The WSGI environment of this request, for a connection that outlives it."""
    kept = ("wsgi.url_scheme", "wsgi.version")
    return {name: value for name, value in request.environ.items() if isinstance(value, str) or name in kept}
