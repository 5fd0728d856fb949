"""A Socket.IO connection to an appliance, as programs need it: events in order, and TLS from two threads."""

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
ANSWER_SECONDS = 60.0
"""A model may have to be loaded first."""
Handler = Callable[..., None]
Answer = dict[str, Any]


class _Engine(engineio.Client):  # type: ignore[misc] # engineio publishes no types
    """Handles messages as they come; the library's thread for each lets them overtake each other."""

    def _trigger_event(self, event: str, *args: Any, **kwargs: Any) -> Any:
        return super()._trigger_event(event, *args, **{**kwargs, "run_async": False})


class _Client(socketio.Client):  # type: ignore[misc] # socketio publishes no types
    def _engineio_client_class(self) -> type[_Engine]:
        return _Engine


class ServerRefused(ApplianceError):
    """The appliance has said no, and why."""

    code = "refused"


class SocketIOClient:
    """One connection, from `connect` to `close`."""

    def __init__(
        self, url: str, handlers: Mapping[str, Handler], tls: ssl.SSLContext | None = None, *, key: str = ""
    ) -> None:
        """Connects to `url`, with a user's `key`; `handlers` are called in the order of events.

        "disconnect" comes last. Raises `Unavailable`.
        """
        self._socket = _open(url, tls)
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
            raise Unavailable(f"{url} does not take a live connection: {reason}") from None

    def send(self, event: str, *payload: Any, answered: Callable[[Answer], None]) -> None:
        """Sends an event; `answered` gets its acknowledgement, in the thread that reads."""
        try:
            self._client.emit(event, payload if len(payload) > 1 else payload[0], callback=answered)
        except socketio.exceptions.BadNamespaceError:
            raise Unavailable("The connection is lost.") from None

    def ask(self, event: str, *payload: Any) -> Answer:
        """Sends an event and waits for its answer. Raises `ServerRefused`, `Unavailable`."""
        try:
            answer: Answer = self._client.call(
                event, payload if len(payload) > 1 else payload[0], timeout=ANSWER_SECONDS
            )
        except (socketio.exceptions.TimeoutError, socketio.exceptions.BadNamespaceError):
            raise Unavailable("The connection is lost.") from None
        if not answer["ok"] and answer["code"] != "gap":
            raise ServerRefused(answer["message"], retry_after_seconds=answer.get("retry_after"))
        return answer

    def close(self) -> None:
        """Says goodbye and lets go of the socket; handlers may still be called for a moment.

        The library's threads are not waited for: they may wait for each other (its queue is emptied while
        one is still to read that it is over).
        """
        self._client.eio.disconnect(abort=True)
        self._duplex.close()
        self._socket.close()


def _reason(reasons: list[object]) -> str:
    """What the appliance said when it refused the connection."""
    said = reasons[-1] if reasons else None
    return str(said.get("message", "")) if isinstance(said, dict) else ""


def _open(url: str, tls: ssl.SSLContext | None) -> socket.socket:
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    try:
        connected = socket.create_connection((host, parts.port or (443 if secure else 80)), CONNECT_SECONDS)
        if not secure:
            return connected
        return (tls or ssl.create_default_context()).wrap_socket(connected, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(
            f"The certificate of {url} is not trusted ({error.verify_message}). Fetch {url}/ca.crt and add "
            "--cacert ca.crt, or add --insecure."
        ) from None
    except OSError as error:
        raise Unavailable(f"{url} cannot be reached: {error.strerror or error}.") from None
