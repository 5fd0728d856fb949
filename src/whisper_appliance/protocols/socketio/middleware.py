"""The socket middleware: admission and rate limit of every connection."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask_socketio import SocketIO

from whisper_appliance.core.errors import Busy
from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.protocols.socketio.server import close_connection, close_soon
from whisper_appliance.web.limits.socket_gate import SocketGate

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class SocketMiddleware:
    """Wraps the handlers of the Engine.IO server with the gate."""

    def __init__(self, sockets: SocketIO, gate: SocketGate) -> None:
        self._sockets = sockets
        self._gate = gate

    def install(self) -> None:
        """Runs the gate before what engineio calls on connect, message and disconnect."""
        engine = self._sockets.server.eio
        connect, receive, disconnect = (
            engine.handlers[name] for name in ("connect", "message", "disconnect")
        )

        def on_connect(connection: str, environ: "WSGIEnvironment") -> object:
            try:
                self._gate.enter(connection, environ)
            except Busy as error:
                return error.message
            return connect(connection, environ)

        def on_disconnect(connection: str, reason: str = "") -> None:
            self._gate.leave(connection)
            disconnect(connection, reason)

        engine.on("connect", on_connect)
        engine.on("message", self._limited(engine, receive))
        engine.on("disconnect", on_disconnect)

    def _limited(self, engine: Any, receive: Callable[[str, str | bytes], None]) -> Callable[..., None]:
        """`receive` behind the rate limit.

        A connection that `connect` refused is closed soon, because it would keep its slot otherwise.
        """

        def on_message(connection: str, message: str | bytes) -> None:
            def take() -> None:
                self._gate.throttle(connection, len(message))
                receive(connection, message)
                if self._sockets.server.manager.sid_from_eio_sid(connection, "/") is None:
                    close_soon(engine, connection)

            if not log_errors(take, "socket closed: invalid message", of_input=True):
                close_connection(engine, connection)

        return on_message
