"""WebSocket connections under gunicorn: simple-websocket, with limits that hold before memory is used.

simple-websocket queues received messages without a limit, accepts frames of any size while they are
unfinished, and can leave a reader waiting forever if a connection breaks. The overrides fix these three.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import simple_websocket
import structlog
from wsproto.utilities import RemoteProtocolError

from whisper_appliance.core.duplex_socket import DuplexSocket
from whisper_appliance.protocols.connection import Connection

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_QUEUED_MESSAGES = 16
"""Backpressure: with more messages received than handled, reading stops and the client's buffers fill."""
READ_BYTES = 16 * 1024
IDLE_SECONDS = 30.0
"""A client answers a ping every 10 s, and has 20 s to do so."""
EXTENSIONS = "HTTP_SEC_WEBSOCKET_EXTENSIONS"
"""Compression is not offered, because audio does not shrink and a small message could expand a lot."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """How a protocol uses a WebSocket.

    A message longer than `message_bytes` ends the connection. `queued_messages` may wait for the handler.
    With `ping_seconds`, the server pings so often, because browsers do not. `subprotocols` are those that
    the server accepts.
    """

    message_bytes: int
    queued_messages: int = MAX_QUEUED_MESSAGES
    ping_seconds: float | None = None
    subprotocols: Sequence[str] = ()


class _DaemonThread(threading.Thread):
    """A reader that waits for a client must not keep the process alive."""

    def __init__(self, target: Callable[[], None]) -> None:
        super().__init__(target=target, name="websocket-reader", daemon=True)


class _BoundedServer(simple_websocket.Server):  # type: ignore[misc] # it publishes no types
    """One upgraded connection. Its own thread reads; the caller of `receive` handles the messages."""

    def __init__(self, environ: "WSGIEnvironment", options: SocketOptions) -> None:
        self._queued_messages = options.queued_messages
        self._queue_shrunk = threading.Event()
        self._ended = False
        super().__init__(
            {name: value for name, value in environ.items() if name != EXTENSIONS}
            | {"gunicorn.socket": DuplexSocket(environ["gunicorn.socket"], IDLE_SECONDS)},
            subprotocols=list(options.subprotocols),
            ping_interval=options.ping_seconds,
            max_message_size=options.message_bytes,
            receive_bytes=READ_BYTES,
            thread_class=_DaemonThread,
        )

    def receive(self, timeout: float | None = None) -> bytes | str | None:
        received: bytes | str | None = super().receive(timeout)
        self._queue_shrunk.set()
        return received

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        super().close(reason, message)
        self._end()

    def _thread(self) -> None:
        try:
            super()._thread()
        except RemoteProtocolError as error:
            log.info("websocket closed: protocol error", reason=str(error))
        finally:
            self._end()
            self.sock.close()

    def _handle_events(self) -> bool:
        goes_on = bool(super()._handle_events())
        while not self._ended and len(self.input_buffer) > self._queued_messages:
            self._queue_shrunk.clear()
            if not self._ended and len(self.input_buffer) > self._queued_messages:
                self._queue_shrunk.wait()
        return goes_on and not self._ended

    def _end(self) -> None:
        """Wakes the receiver and the reader. The order matters: both check the flags after they wake."""
        self._ended = True
        self.connected = False
        self.event.set()
        self._queue_shrunk.set()


class WebSocketConnection:
    """A `Connection` over one upgraded WebSocket."""

    def __init__(self, server: _BoundedServer) -> None:
        self._server = server

    def recv(self) -> bytes | str | None:
        """Waits for the next message; None once the connection has ended."""
        try:
            received: bytes | str | None = self._server.receive()
        except simple_websocket.ConnectionClosed:
            return None
        return received

    def send(self, message: bytes | str) -> None:
        """Sends one message. Raises `OSError` if the connection has ended."""
        try:
            self._server.send(message)
        except simple_websocket.ConnectionClosed:
            raise OSError("the connection has ended") from None

    def close(self) -> None:
        """Closes the connection, if it is still open."""
        try:
            self._server.close()
        except (simple_websocket.ConnectionClosed, OSError):
            return


def serve_websocket(
    environ: "WSGIEnvironment",
    start_response: "StartResponse",
    handle: Callable[[Connection], None],
    options: SocketOptions,
) -> Iterable[bytes]:
    """A WSGI application for one WebSocket: upgrades it and calls `handle` until that returns."""
    try:
        server = _BoundedServer(environ, options)
    except (RemoteProtocolError, simple_websocket.ConnectionError):
        environ["gunicorn.socket"].settimeout(IDLE_SECONDS)
        start_response("400 Bad Request", [("Content-Type", "text/plain")])
        return [b"This is not a WebSocket handshake."]
    try:
        handle(WebSocketConnection(server))
    finally:
        server.sock.close()
    raise StopIteration  # for gunicorn: the connection is used up, and there is no response
