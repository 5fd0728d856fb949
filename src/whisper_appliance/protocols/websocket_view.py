"""WebSockets at Flask routes: admission by the socket gate, upgrade, and the end when the server stops."""

import secrets
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, Response, request

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.protocols.connection import Connection
from whisper_appliance.protocols.websocket import SocketOptions, serve_websocket
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.limits.socket_gate import SocketGate, SocketLimits

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

EXTENSION = "whisper_appliance.socket_gate"
Handle = Callable[[Connection, Callable[[int], None]], None]
"""Serves a connection until it ends; the second argument throttles, and is called with the bytes received."""
MESSAGE_WEIGHT = 0.25
"""A message counts as a quarter, because telephony sends 50 small ones a second."""


def socket_gate(app: Flask, context: WebContext) -> SocketGate:
    """The gate that all protocols of an application share, so that their limits hold together."""
    if EXTENSION not in app.extensions:
        settings = context.appliance.settings
        limits = SocketLimits(
            messages_per_second=settings.socket_messages_per_second,
            bytes_per_second=float(settings.socket_bytes_per_second),
            origins=settings.cors_origins,
            check_host=context.hosts.check,
            on_refused=context.appliance.metrics.count_refused,
        )
        app.extensions[EXTENSION] = SocketGate(context.sockets, limits)
    return cast(SocketGate, app.extensions[EXTENSION])


def accept_websockets(app: Flask, path: str, endpoint: str) -> None:
    """Routes the handshakes at `path` to a view, because werkzeug's rules take either them or requests."""
    app.add_url_rule(path, endpoint=endpoint, websocket=True)


class WebSocketView:
    """The open WebSockets at the routes of one protocol."""

    def __init__(self, gate: SocketGate) -> None:
        self.gate = gate
        self._open: set[Connection] = set()
        self._stopping = False

    def upgrade(self, handle: Handle, options: SocketOptions, actor: Actor) -> Response:
        """The response of a view: admits the connection of `actor` and serves it to its end.

        Raises `InvalidRequest` if the request is no WebSocket handshake, `Busy` above the limits.
        """
        if "websocket" not in request.headers.get("Upgrade", "").lower():
            raise InvalidRequest("This address takes WebSocket connections only.")
        connection_id = f"view-{secrets.token_hex(8)}"
        self.gate.enter(connection_id, request.environ, actor.user.id if actor.user else "")
        return _Upgrade(lambda *wsgi: self._serve(connection_id, handle, options, *wsgi))

    def close_when(self, stopping: threading.Event) -> None:
        """Closes all connections as soon as the server stops."""

        def close_all() -> None:
            stopping.wait()
            self._stopping = True
            for connection in list(self._open):
                connection.close()

        threading.Thread(target=close_all, name="websocket-closer", daemon=True).start()

    def _serve(
        self,
        connection_id: str,
        handle: Handle,
        options: SocketOptions,
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
    ) -> Iterable[bytes]:
        def serve(connection: Connection) -> None:
            self._open.add(connection)
            try:
                if not self._stopping:
                    handle(
                        connection,
                        lambda size: self.gate.throttle(connection_id, size, messages=MESSAGE_WEIGHT),
                    )
            finally:
                self._open.discard(connection)
                connection.close()

        try:
            return serve_websocket(environ, start_response, serve, options)
        finally:
            self.gate.leave(connection_id)


class _Upgrade(Response):
    """A response that takes over the socket of its request."""

    def __init__(self, serve: Callable[..., Iterable[bytes]]) -> None:
        super().__init__(status=101)
        self._serve = serve

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        return self._serve(environ, start_response)
