"""The socket gate: admission, connection limits and rate limits of sockets.

It runs before engineio, so that a refused connection costs nothing, and responds with the usual error JSON.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from whisper_appliance.core.errors import ApplianceError, Busy, NotAllowed
from whisper_appliance.web.cross_origin import is_cross_origin
from whisper_appliance.web.errors import error_body, status_of
from whisper_appliance.web.limits.stream_slots import StreamSlots
from whisper_appliance.web.limits.token_bucket import TokenBucket
from whisper_appliance.web.response_format import SECURITY_HEADERS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/socket.io/"
MESSAGE_BURST_FACTOR = 3.0
"""Burst size in messages, as a multiple of the limit per second."""
BYTE_BURST_FACTOR = 4.0
MAX_WAIT_SECONDS = 10.0
REASONS = {403: "403 Forbidden", 429: "429 Too Many Requests"}


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Limits of sockets: connections of one address, rates of each connection, and allowed origins.

    40 messages are 20 packets of audio, because a packet is sent as a header and a binary attachment.
    """

    per_address: int = 10
    messages_per_second: float = 40.0
    bytes_per_second: float = 256 * 1024.0
    origins: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Client:
    address: str
    messages: TokenBucket
    volume: TokenBucket

    @classmethod
    def with_limits(cls, limits: SocketLimits, address: str) -> "_Client":
        messages, volume = limits.messages_per_second, limits.bytes_per_second
        return cls(
            address,
            TokenBucket(messages, messages * MESSAGE_BURST_FACTOR),
            TokenBucket(volume, volume * BYTE_BURST_FACTOR),
        )


class SocketGate:
    """Admits and throttles connections. They share their slots with the event streams."""

    def __init__(
        self, slots: StreamSlots, limits: SocketLimits, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._slots = slots
        self._limits = limits
        self._sleep = sleep
        self._lock = threading.Lock()
        self._clients: dict[str, _Client] = {}
        self._addresses: Counter[str] = Counter()

    def wrap(self, application: "WSGIApplication") -> "WSGIApplication":
        """`application` with the gate before its sockets."""

        def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            if environ.get("PATH_INFO", "").startswith(PATH):
                try:
                    self._check(environ)
                except ApplianceError as error:
                    return _error_response(error, start_response)
            return application(environ, start_response)

        return respond

    def enter(self, connection: str, environ: "WSGIEnvironment") -> None:
        """Takes a slot for a connection. Raises `Busy` if none is free."""
        address = environ.get("REMOTE_ADDR", "")
        with self._lock:
            self._check_limits(address)
            self._slots.acquire()
            self._clients[connection] = _Client.with_limits(self._limits, address)
            self._addresses[address] += 1

    def leave(self, connection: str) -> None:
        """Releases the slot of a connection; a second call does nothing."""
        with self._lock:
            client = self._clients.pop(connection, None)
            if client is None:
                return
            self._addresses[client.address] -= 1
            self._addresses += Counter()
        self._slots.release()

    def throttle(self, connection: str, size: int, *, messages: float = 1.0) -> None:
        """Delays the reader of a connection that exceeds its rate. Raises `Busy` if the delay is too long.

        `messages` is how much of a message it counts as.
        """
        client = self._clients.get(connection)
        if client is None:
            raise Busy("The connection has been closed.")
        wait = max(
            client.messages.take(messages, max_wait_seconds=MAX_WAIT_SECONDS),
            client.volume.take(size, max_wait_seconds=MAX_WAIT_SECONDS),
        )
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

    def _check(self, environ: "WSGIEnvironment") -> None:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        if self.is_foreign(environ) or "j" in query:  # JSONP would let pages of other sites read
            raise NotAllowed(
                "This connection was opened by a page of another site. Open the appliance's own page instead."
            )
        if "sid" not in query:
            with self._lock:
                self._check_limits(environ.get("REMOTE_ADDR", ""))

    def _check_limits(self, address: str) -> None:
        if self._addresses[address] >= self._limits.per_address:
            raise Busy("Too many connections from this address. Close one first.", retry_after_seconds=10)
        if not self._slots.has_free_slot():
            raise Busy("Too many connections at once. Try again in a moment.", retry_after_seconds=10)


def _error_response(error: ApplianceError, start_response: "StartResponse") -> list[bytes]:
    body = json.dumps(error_body(error.code, error.message)).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    headers += [*SECURITY_HEADERS.items(), ("Cache-Control", "no-store")]
    if error.retry_after_seconds is not None:
        headers.append(("Retry-After", str(round(error.retry_after_seconds))))
    start_response(REASONS[status_of(type(error))], headers)
    return [body]
