"""The WebSocket transport of Engine.IO, over the connection port."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog

from whisper_appliance.protocols.connection import Connection
from whisper_appliance.protocols.websocket import SocketOptions, serve_websocket

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = structlog.get_logger()


class EngineIOWebSocket:
    """The interface that engineio expects: a WSGI application with `wait`, `send` and `close`."""

    def __init__(self, handler: Any, _server: object, *, message_bytes: int) -> None:
        """`handler` is a method of engineio's socket; a message longer than `message_bytes` ends it."""
        self._handler = handler
        self._message_bytes = message_bytes
        self._engine_socket = handler.__self__

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serves the connection to its end."""
        return serve_websocket(environ, start_response, self._run, SocketOptions(self._message_bytes))

    def wait(self) -> bytes | str | None:
        """Waits for the next message; None once the connection has ended."""
        return self._connection.recv()

    def send(self, message: bytes | str) -> None:
        """Sends one message. Raises `OSError` if the connection has ended."""
        self._connection.send(message)

    def close(self) -> None:
        """Closes the connection, if it is still open."""
        self._connection.close()

    def _run(self, connection: Connection) -> None:
        self._connection = connection
        try:
            self._handler(self)
        except (ValueError, RecursionError) as error:
            log.info("websocket closed: invalid message", reason=f"{type(error).__name__}: {error}")
            self._engine_socket.close(wait=False, abort=True)
