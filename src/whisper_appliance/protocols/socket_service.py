"""The WebSockets of one protocol: authorization, the session behind each, and the events that it gets."""

from collections.abc import Callable
from typing import Any, Protocol

from flask import g, request

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import ApplianceError, NotAllowed, SignInRequired
from whisper_appliance.core.i18n import N_
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.connection import Connection
from whisper_appliance.protocols.outbox import Outbox
from whisper_appliance.protocols.websocket_view import WebSocketView
from whisper_appliance.web.auth.authentication import ENDED, later, require
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.http_api import check_served
from whisper_appliance.web.program_requests import note_error

FAREWELL_SECONDS = 2.0
FOREIGN = N_("This connection was opened by a page of another site. Use an API key there.")
Throttle = Callable[[int], None]


class SocketSession(Protocol):
    """The session of one connection. `start` and `handle` may raise: the error is sent, and it ends."""

    connection: str

    def start(self) -> None: ...
    def handle(self, message: bytes | str) -> None: ...
    def on_live_event(self, announcement: LiveAnnouncement) -> None: ...
    def close(self) -> None: ...


MakeSession = Callable[[Outbox, Throttle], SocketSession]
"""Makes the session of a connection from its outbox and what throttles it."""


class SocketService:
    """All connections of one protocol."""

    def __init__(
        self,
        name: str,
        context: WebContext,
        view: WebSocketView,
        error_json: Callable[[ApplianceError], dict[str, Any]],
    ) -> None:
        """`name` is one of PROTOCOL_NAMES; `error_json` makes the last message of a failed connection."""
        self.context = context
        self.view = view
        self._name = name
        self._error_json = error_json
        self._sessions: dict[str, SocketSession] = {}

    def authorized_actor(self) -> Actor:
        """The actor, who may transcribe here. Raises `NotFound`, `NotAllowed` and `SignInRequired`."""
        check_served(self._name, self.context.appliance.settings.protocols)
        actor = require("transcribe")
        if g.get("session_ended"):
            raise SignInRequired(ENDED)
        if self.view.gate.is_foreign(request.environ) and not actor.key:
            raise NotAllowed(FOREIGN)
        return actor

    def serve(self, connection: Connection, throttle: Throttle, make: MakeSession) -> None:
        """Serves one WebSocket, in the context of its request, until it ends."""
        outbox = Outbox(connection)
        session = make(outbox, throttle)
        self._sessions[session.connection] = session

        def end(error: ApplianceError) -> None:
            outbox.send(self._error_json(error))
            outbox.finish()

        try:
            with self.context.rights.watched(session.connection, later(lambda: require("transcribe")), end):
                session.start()
                while (message := connection.recv()) is not None:
                    throttle(0)
                    session.handle(message)
        except ApplianceError as error:  # it could not start
            outbox.send(self._error_json(error))
            note_error(error)
        finally:
            self._sessions.pop(session.connection, None)
            session.close()
            outbox.close(drain_seconds=FAREWELL_SECONDS)

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Passes an event of a live session to its connection."""
        session = self._sessions.get(announcement.connection)
        if session is not None:
            session.on_live_event(announcement)
