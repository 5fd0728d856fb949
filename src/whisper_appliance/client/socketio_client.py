"""A Socket.IO connection to an appliance, for programs: handles events in order, and TLS from two threads."""

import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import engineio
import socketio

from whisper_appliance.core.duplex_socket import DuplexSocket
from whisper_appliance.core.errors import ApplianceError, Unavailable

CONNECT_SECONDS = 10.0
ACK_SECONDS = 60.0
"""The server may have to load a model before it acknowledges an event."""
Handler = Callable[..., None]
JsonObject = dict[str, Any]


class _Engine(engineio.Client):  # type: ignore[misc] # engineio publishes no types
    """Handles messages in order; the library starts a thread for each, so that they overtake each other."""

    def _trigger_event(self, event: str, *args: Any, **kwargs: Any) -> Any:
        return super()._trigger_event(event, *args, **{**kwargs, "run_async": False})


class _Client(socketio.Client):  # type: ignore[misc] # socketio publishes no types
    def _engineio_client_class(self) -> type[_Engine]:
        return _Engine


class ServerRefused(ApplianceError):
    """The server refused an event; the message is the server's."""

    code = "refused"


class SocketIOClient:
    """One connection, from the constructor to `close`."""

    def __init__(
        self, url: str, handlers: Mapping[str, Handler], tls: ssl.SSLContext | None = None, *, key: str = ""
    ) -> None:
        """Connects to `url` with an API key, and calls `handlers` in the order of events.

        "disconnect" is the last event. Raises `Unavailable`.
        """
        self._socket = _open_socket(url, tls)
        self._client = _Client(reconnection=False, handle_sigint=False)
        self._duplex = DuplexSocket(self._socket, CONNECT_SECONDS)
        self._client.eio.websocket_extra_options = {"socket": self._duplex}
        for event, handler in handlers.items():
            self._client.on(event, handler)
        reasons: list[object] = []
        self._client.on("connect_error", reasons.append)
        try:
            self._client.connect(
                url,
                auth={"key": key} if key else None,
                transports=["websocket"],
                wait_timeout=CONNECT_SECONDS,
            )
        except socketio.exceptions.ConnectionError as error:
            self._duplex.close()
            self._socket.close()
            reason = _reason(reasons) or f"{error}."
            raise Unavailable("{url} refused the live connection: {reason}", url=url, reason=reason) from None

    def send(self, event: str, *payload: Any, on_ack: Callable[[JsonObject], None]) -> None:
        """Sends an event; the thread that reads calls `on_ack` with its acknowledgement."""
        try:
            self._client.emit(event, payload if len(payload) > 1 else payload[0], callback=on_ack)
        except socketio.exceptions.BadNamespaceError:
            raise Unavailable("The connection is lost.") from None

    def call(self, event: str, *payload: Any) -> JsonObject:
        """Sends an event and waits for its acknowledgement. Raises `ServerRefused`, `Unavailable`."""
        try:
            ack: JsonObject = self._client.call(
                event, payload if len(payload) > 1 else payload[0], timeout=ACK_SECONDS
            )
        except (socketio.exceptions.TimeoutError, socketio.exceptions.BadNamespaceError):
            raise Unavailable("The connection is lost.") from None
        if not ack["ok"] and ack["code"] != "gap":
            raise ServerRefused(ack["message"], retry_after_seconds=ack.get("retry_after"))
        return ack

    def close(self) -> None:
        """Disconnects and closes the socket; handlers may still be called for a moment.

        It does not wait for the library's threads, because they can wait for each other.
        """
        self._client.eio.disconnect(abort=True)
        self._duplex.close()
        self._socket.close()


def _reason(reasons: list[object]) -> str:
    """The server's message about a refused connection."""
    last = reasons[-1] if reasons else None
    return str(last.get("message", "")) if isinstance(last, dict) else ""


def _open_socket(url: str, tls: ssl.SSLContext | None) -> socket.socket:
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    try:
        connected = socket.create_connection((host, parts.port or (443 if secure else 80)), CONNECT_SECONDS)
        if not secure:
            return connected
        return (tls or ssl.create_default_context()).wrap_socket(connected, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(
            "The certificate of {url} is not trusted ({verify_message}). Download "
            "{url}/ca.crt and add --cacert ca.crt, or add --insecure.",
            url=url,
            verify_message=error.verify_message,
        ) from None
    except OSError as error:
        raise Unavailable(
            "{url} cannot be reached: {strerror}.", url=url, strerror=error.strerror or str(error)
        ) from None
