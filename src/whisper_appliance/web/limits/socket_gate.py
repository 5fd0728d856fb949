"""The socket gate: admission, connection limits and rate limits of sockets.

It runs before engineio, so that a refused connection costs nothing, and responds with the usual error JSON.
"""

import json
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from whisper_appliance.core import request_turn
from whisper_appliance.core.errors import ApplianceError, Busy, InvalidRequest, NotAllowed
from whisper_appliance.core.network import client_network
from whisper_appliance.web.cross_origin import is_cross_origin
from whisper_appliance.web.errors import error_body, status_of
from whisper_appliance.web.limits.client_slots import ClientSlots
from whisper_appliance.web.limits.running_requests import REFUSED
from whisper_appliance.web.limits.token_bucket import TokenBucket
from whisper_appliance.web.response_format import SECURITY_HEADERS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/socket.io/"
MESSAGE_BURST_FACTOR = 3.0
"""Burst size in messages, as a multiple of the limit per second."""
BYTE_BURST_FACTOR = 4.0
MAX_WAIT_SECONDS = 10.0
REASONS = {
    400: "400 Bad Request",
    403: "403 Forbidden",
    421: "421 Misdirected Request",
    429: "429 Too Many Requests",
}


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Limits of sockets: the rates of each connection, and allowed origins.

    40 messages are 20 packets of audio, because a packet is sent as a header and a binary attachment.
    """

    messages_per_second: float = 40.0
    bytes_per_second: float = 256 * 1024.0
    origins: Collection[str] = ()
    on_refused: Callable[[str], None] = lambda _limit: None
    """Called with the name of the rate limit that ends a connection."""
    check_host: Callable[["WSGIEnvironment"], None] = lambda _environ: None
    """Raises `WrongHost` for a request to a name that is not the appliance's."""


@dataclass(frozen=True, slots=True)
class _Client:
    network: str
    user: str
    messages: TokenBucket
    volume: TokenBucket

    @classmethod
    def with_limits(cls, limits: SocketLimits, network: str, user: str) -> "_Client":
        messages, volume = limits.messages_per_second, limits.bytes_per_second
        return cls(
            network,
            user,
            TokenBucket(messages, messages * MESSAGE_BURST_FACTOR),
            TokenBucket(volume, volume * BYTE_BURST_FACTOR),
        )


class SocketGate:
    """Admits and throttles connections. Each holds a slot of its network, and counts for its user."""

    def __init__(
        self, slots: ClientSlots, limits: SocketLimits, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._slots = slots
        self._limits = limits
        self._sleep = sleep
        self._clients: dict[str, _Client] = {}
        self._lock = threading.Lock()
        self._waiting: set[tuple[str, bool]] = set()

    def wrap(self, application: "WSGIApplication") -> "WSGIApplication":
        """`application` with the gate before its sockets."""

        def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            if environ.get("PATH_INFO", "").startswith(PATH):
                try:
                    with self._admitted(environ):
                        return application(environ, start_response)
                except ApplianceError as error:
                    return _error_response(error, start_response)
            return application(environ, start_response)

        return respond

    def enter(self, connection: str, environ: "WSGIEnvironment", user: str = "") -> None:
        """Takes a slot for a connection of `user` (an id, "" for nobody). Raises `Busy` if none is free."""
        network = _network(environ)
        self._slots.acquire(network, user)
        self._clients[connection] = _Client.with_limits(self._limits, network, user)

    def identify(self, connection: str, user: str) -> None:
        """Counts a connection that was authenticated after it had entered. Raises `Busy` as `enter` does."""
        with self._lock:
            client = self._clients.get(connection)
            if client is None or client.user == user:
                return
            if user:
                self._slots.join(user)
            self._slots.leave(client.user)
            self._clients[connection] = replace(client, user=user)

    def leave(self, connection: str) -> None:
        """Releases the slot of a connection; a second call does nothing."""
        with self._lock:
            client = self._clients.pop(connection, None)
        if client:
            self._slots.release(client.network, client.user)

    def throttle(self, connection: str, size: int, *, messages: float = 1.0) -> None:
        """Delays the reader of a connection that exceeds its rate. Raises `Busy` if the delay is too long.

        `messages` is how much of a message it counts as.
        """
        client = self._clients.get(connection)
        if client is None:
            raise Busy("The connection has been closed.")
        try:
            wait = max(
                client.messages.take(messages, max_wait_seconds=MAX_WAIT_SECONDS),
                client.volume.take(size, max_wait_seconds=MAX_WAIT_SECONDS),
            )
        except Busy:
            self._limits.on_refused("socket_rate")
            raise
        if wait:
            self._sleep(wait)

    def is_foreign(self, environ: "WSGIEnvironment") -> bool:
        """True if a page of another site opens the connection, and its origin is not allowed."""
        return is_cross_origin(
            environ.get("HTTP_SEC_FETCH_SITE"),
            environ.get("HTTP_ORIGIN"),
            environ.get("HTTP_HOST", ""),
            self._limits.origins,
        )

    @contextmanager
    def _admitted(self, environ: "WSGIEnvironment") -> Iterator[None]:
        """Raises the error of the response to a request that is refused.

        A connection has one GET at a time, as Engine.IO's protocol says, and one WebSocket beside it, because
        each waits for long.
        """
        if refusal := environ.get(REFUSED):
            raise refusal
        self._limits.check_host(environ)
        query = parse_qs(environ.get("QUERY_STRING", ""))
        if self.is_foreign(environ) or "j" in query:  # JSONP would let pages of other sites read
            raise NotAllowed(
                "This connection was opened by a page of another site. Open the appliance's own page instead."
            )
        if "sid" not in query:
            self._slots.check(_network(environ))
        if "sid" not in query or environ["REQUEST_METHOD"] != "GET":
            yield
            return
        waiting = query["sid"][0], _is_upgrade(environ)
        with self._lock:
            if waiting in self._waiting:
                raise InvalidRequest("Another request of this connection waits already.")
            self._waiting.add(waiting)
        request_turn.leave()
        try:
            yield
        finally:
            with self._lock:
                self._waiting.discard(waiting)


def _is_upgrade(environ: "WSGIEnvironment") -> bool:
    """Whether engineio takes a request for the handshake of a WebSocket."""
    connection = [each.strip() for each in environ.get("HTTP_CONNECTION", "").lower().split(",")]
    return "upgrade" in connection and environ.get("HTTP_UPGRADE", "").lower() == "websocket"


def _network(environ: "WSGIEnvironment") -> str:
    return client_network(environ.get("REMOTE_ADDR", ""))


def _error_response(error: ApplianceError, start_response: "StartResponse") -> list[bytes]:
    body = json.dumps(error_body(error.code, error.message)).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    headers += [*SECURITY_HEADERS.items(), ("Cache-Control", "no-store")]
    if error.retry_after_seconds is not None:
        headers.append(("Retry-After", str(round(error.retry_after_seconds))))
    start_response(REASONS[status_of(type(error))], headers)
    return [body]
