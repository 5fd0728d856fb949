"""Installs the Vosk WebSocket at `/vosk`, and a subscription to live sessions."""

import threading
import time
from collections.abc import Callable
from typing import cast

import structlog
from flask import Flask, Response, g, request

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import ApplianceError, NotAllowed, NotFound, SignInRequired
from whisper_appliance.core.i18n import N_
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.connection import Connection
from whisper_appliance.protocols.outbox import Outbox
from whisper_appliance.protocols.vosk.vosk_session import MAX_CHUNK_BYTES, VoskSession
from whisper_appliance.protocols.websocket import SocketOptions
from whisper_appliance.protocols.websocket_view import WebSocketView, accept_websockets, socket_gate
from whisper_appliance.web.auth.authentication import ENDED, require
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.lazy_openapi import LazyBlueprint, LazyOpenAPI
from whisper_appliance.web.openapi import LIVE, error_responses

NAME = "vosk"
PATH = "/vosk"
SOCKET = SocketOptions(MAX_CHUNK_BYTES * 2, queued_messages=4, ping_seconds=10.0)
RECHECK_SECONDS = 60.0
FAREWELL_SECONDS = 2.0
FOREIGN = N_("This connection was opened by a page of another site. Use an API key there.")
log = structlog.get_logger()


class VoskService:
    """All Vosk connections of one application."""

    def __init__(self, context: WebContext, view: WebSocketView) -> None:
        self.context = context
        self.view = view
        self._sessions: dict[str, VoskSession] = {}

    def authorized_actor(self) -> Actor:
        """The actor, who may transcribe here. Raises `NotFound`, `NotAllowed` and `SignInRequired`."""
        if NAME not in self.context.appliance.settings.protocols:
            raise NotFound("This API is switched off. An administrator can switch it on, in PROTOCOLS.")
        actor = require("transcribe")
        if g.get("session_ended"):
            raise SignInRequired(ENDED)
        if self.view.gate.is_foreign(request.environ) and not actor.key:
            raise NotAllowed(FOREIGN)
        return actor

    def serve(self, connection: Connection, throttle: Callable[[int], None], actor: Actor) -> None:
        """Serves one WebSocket, in the context of its request, until it ends."""
        outbox = Outbox(connection)
        session = VoskSession(
            self.context.appliance, actor, outbox.send, throttle=throttle, on_ended=outbox.finish
        )
        self._sessions[session.connection] = session
        try:
            self._receive(connection, session, throttle)
        except ApplianceError as error:  # the key was revoked
            outbox.send({"error": str(error), "code": error.code})
        finally:
            self._sessions.pop(session.connection, None)
            session.close()
            outbox.close(drain_seconds=FAREWELL_SECONDS)

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Passes an event of a live session to its connection."""
        session = self._sessions.get(announcement.connection)
        if session is not None:
            session.on_live_event(announcement)

    def _receive(self, connection: Connection, session: VoskSession, throttle: Callable[[int], None]) -> None:
        checked_at = time.monotonic()
        while (message := connection.recv()) is not None:
            if time.monotonic() - checked_at > RECHECK_SECONDS:
                checked_at = time.monotonic()
                g.pop("actor", None)
                require("transcribe")
            throttle(0)
            session.handle(message)


def install(app: Flask, context: WebContext) -> None:
    """Adds the protocol to `app`."""
    service = VoskService(context, WebSocketView(socket_gate(app, context)))
    app.extensions[NAME] = service
    blueprint = LazyBlueprint(NAME, __name__, abp_tags=[LIVE])

    @blueprint.get(
        PATH,
        responses={
            101: {"description": "A WebSocket with Vosk's messages."},
            **error_responses(401, 403, 404, 429, 503),
        },
    )
    def connect_vosk() -> Response:
        """Opens a Vosk connection, over WebSocket."""
        actor = service.authorized_actor()
        return service.view.upgrade(
            lambda connection, throttle: service.serve(connection, throttle, actor), SOCKET
        )

    cast(LazyOpenAPI, app).register_api(blueprint)
    accept_websockets(app, PATH, f"{NAME}.connect_vosk")
    context.appliance.live_events.subscribe(service.on_live_event)


def close_when(stopping: threading.Event, app: Flask) -> None:
    """Closes all connections as soon as the server stops; the transcripts of their sessions are kept."""
    cast(VoskService, app.extensions[NAME]).view.close_when(stopping)
