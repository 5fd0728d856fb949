"""The realtime service of one application: its connections, its client secrets, and the names of models."""

import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog
from flask import request

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.app.model_names import resolve_model
from whisper_appliance.app.readiness import check_ready
from whisper_appliance.core.errors import ApplianceError, Busy
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.connection import Connection
from whisper_appliance.protocols.openai_realtime import realtime_auth
from whisper_appliance.protocols.openai_realtime.client_secrets import ClientSecrets
from whisper_appliance.protocols.openai_realtime.realtime_session import RealtimeSession
from whisper_appliance.protocols.openai_realtime.server_events import (
    JsonObject,
    Send,
    error_event,
)
from whisper_appliance.protocols.openai_realtime.session_config import parse_config
from whisper_appliance.protocols.openai_realtime.translation_session import TranslationSession
from whisper_appliance.protocols.openai_realtime.transport import (
    AnySession,
    MakeAudioSession,
    MakeSession,
    handle_safely,
)
from whisper_appliance.protocols.openai_realtime.webrtc import CHANNEL, RealtimeCall
from whisper_appliance.protocols.outbox import Outbox
from whisper_appliance.protocols.webrtc import WebRtcPeers
from whisper_appliance.protocols.websocket_view import MESSAGE_WEIGHT, WebSocketView
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.program_requests import note_error

NAME = "openai_realtime"
FAREWELL_SECONDS = 2.0
log = structlog.get_logger()


class RealtimeService:
    """All realtime connections."""

    def __init__(self, context: WebContext, view: WebSocketView, peers: WebRtcPeers) -> None:
        self.context = context
        self.view = view
        self.secrets = ClientSecrets(context.appliance.accounts)
        self.peers = peers
        self._sessions: dict[str, AnySession] = {}

    def resolve_model(self, name: str | None) -> str | None:
        """The local model of a name: of MODEL_ALIASES, else the default (None) for OpenAI's names."""
        return resolve_model(name, self.context.appliance.settings.model_aliases)

    def transcription(self, actor: Actor, session: JsonObject, *, beta: bool) -> MakeAudioSession:
        """Makes transcription sessions for an actor. `session` is their first configuration."""

        def make(send: Send, throttle: Callable[[int], None], _close: Callable[[], None]) -> RealtimeSession:
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
        session = make(outbox.send, throttle, outbox.finish)

        def end(error: ApplianceError) -> None:
            outbox.send(error_event(error))
            outbox.finish()

        try:
            check = realtime_auth.check_later(self.secrets)
            with self.context.rights.watched(session.connection, check, end):
                self.open(session)
                while (message := connection.recv()) is not None:
                    throttle(0)
                    handle_safely(session, message, outbox.send)
        except ApplianceError as error:  # the model cannot do it
            outbox.send(error_event(error))
            note_error(error)
        finally:
            self.close(session)
            outbox.close(drain_seconds=FAREWELL_SECONDS)

    def answer(self, offer: str, actor: Actor, session: JsonObject) -> str:
        """The SDP answer to an offer; the peer then has a session. Raises `Busy`, `NotFound`."""
        connection_id = f"webrtc-{secrets.token_hex(8)}"
        gate, check = self.view.gate, realtime_auth.check_later(self.secrets)

        def watched(end: Callable[[ApplianceError], object]) -> AbstractContextManager[None]:
            return self.context.rights.watched(connection_id, check, end)

        self._check_ready(session)
        call = RealtimeCall(
            self.transcription(actor, session, beta=False),
            self.open,
            self.close,
            watched,
            lambda size: gate.throttle(connection_id, size, messages=MESSAGE_WEIGHT),
            lambda: gate.leave(connection_id),
        )
        gate.enter(connection_id, request.environ)
        try:
            return self.peers.answer(offer, call.serve, channel=CHANNEL)
        except ApplianceError:
            gate.leave(connection_id)
            raise

    def _check_ready(self, session: JsonObject) -> None:
        """Raises what the first audio would raise, as long as there is a response to raise it in."""
        config, appliance = parse_config(session), self.context.appliance
        model = self.resolve_model(config.transcription.model)
        check_ready(appliance.models, model, language=config.language)
        counts = appliance.live.counts()
        if counts.sessions >= counts.limit:
            raise Busy(
                "All live sessions are taken. Try again later.",
                retry_after_seconds=30,
                limit_name="live_sessions",
            )

    def close_when(self, stopping: threading.Event) -> None:
        """Closes all connections as soon as the server stops."""
        self.view.close_when(stopping)
        self.peers.close_when(stopping)

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


def first_session(secret_session: JsonObject | None, model: str | None) -> JsonObject:
    """The configuration that a connection starts with: of its client secret, else the model of its URL."""
    if secret_session is not None:
        return secret_session
    return {"audio": {"input": {"transcription": {"model": model}}}} if model else {}
