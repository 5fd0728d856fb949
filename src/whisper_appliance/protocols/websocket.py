"""WebSockets under gunicorn: simple-websocket with limits kept before memory is spent.

It puts received messages in a list without end, takes frames of any size while they are unfinished, and may
leave a reader waiting for ever when a connection ends badly; what is overridden here is about these three.
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import simple_websocket
import structlog
from wsproto.utilities import RemoteProtocolError

from whisper_appliance.core.duplex_socket import Duplex

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MESSAGES_WAITING = 16
"""With more received than handled, nothing more is read: the client's own buffers fill up."""
READ_BYTES = 16 * 1024
IDLE_SECONDS = 30.0
"""A client answers a ping every 10 s, and is given 20 s for it."""
COMPRESSION = "HTTP_SEC_WEBSOCKET_EXTENSIONS"
"""Not offered: sound does not shrink, and little could become much."""
log = structlog.get_logger()


class _Thread(threading.Thread):
    """Nothing that waits for a client keeps the process alive."""

    def __init__(self, target: Callable[[], None]) -> None:
        super().__init__(target=target, name="websocket-reader", daemon=True)


class _Connection(simple_websocket.Server):  # type: ignore[misc] # it publishes no types
    """One upgraded connection. Its thread reads; whoever calls `receive` handles."""

    def __init__(self, environ: "WSGIEnvironment", message_bytes: int) -> None:
        self._room = threading.Event()
        self._ended = False
        super().__init__(
            {name: value for name, value in environ.items() if name != COMPRESSION}
            | {"gunicorn.socket": Duplex(environ["gunicorn.socket"], IDLE_SECONDS)},
            max_message_size=message_bytes,
            receive_bytes=READ_BYTES,
            thread_class=_Thread,
        )

    def receive(self, timeout: float | None = None) -> bytes | str | None:
        received: bytes | str | None = super().receive(timeout)
        self._room.set()
        return received

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        super().close(reason, message)
        self._end()

    def _thread(self) -> None:
        try:
            super()._thread()
        except RemoteProtocolError as error:
            log.info("websocket closed: it does not speak the protocol", reason=str(error))
        finally:
            self._end()
            self.sock.close()

    def _handle_events(self) -> bool:
        goes_on = bool(super()._handle_events())
        while not self._ended and len(self.input_buffer) > MESSAGES_WAITING:
            self._room.clear()
            if not self._ended and len(self.input_buffer) > MESSAGES_WAITING:
                self._room.wait()
        return goes_on and not self._ended

    def _end(self) -> None:
        """Wakes both sides, in the order in which they cannot miss it."""
        self._ended = True
        self.connected = False
        self.event.set()
        self._room.set()


class WebSocket:
    """What engineio asks of a WebSocket: a WSGI application for one connection, to wait on and to send to."""

    def __init__(self, handler: Any, _server: object, *, message_bytes: int) -> None:
        """`handler` is a method of engineio's side of the connection; no message may be longer."""
        self._handle = handler
        self._message_bytes = message_bytes
        self._engine_socket = handler.__self__

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serves the connection to its end."""
        try:
            self._connection = _Connection(environ, self._message_bytes)
        except (RemoteProtocolError, simple_websocket.ConnectionError):
            environ["gunicorn.socket"].settimeout(IDLE_SECONDS)
            start_response("400 Bad Request", [("Content-Type", "text/plain")])
            return [b"This is no WebSocket handshake."]
        try:
            self._handle(self)
        except (ValueError, RecursionError) as error:
            log.info("websocket closed: it cannot be understood", reason=f"{type(error).__name__}: {error}")
            self._engine_socket.close(wait=False, abort=True)
        finally:
            self._connection.sock.close()
        raise StopIteration  # for gunicorn: the connection is used up, nothing is to be answered

    def wait(self) -> bytes | str | None:
        """The next message; None when the connection has ended."""
        try:
            return self._connection.receive()
        except simple_websocket.ConnectionClosed:
            return None

    def send(self, message: bytes | str) -> None:
        """Sends one message. Raises OSError where the connection has ended."""
        try:
            self._connection.send(message)
        except simple_websocket.ConnectionClosed:
            raise OSError("the connection has ended") from None

    def close(self) -> None:
        """Says goodbye, if there is still somebody to hear it."""
        try:
            self._connection.close()
        except (simple_websocket.ConnectionClosed, OSError):
            return
