"""The door of the sockets: who may come in, how many at once, and how fast they may speak.

It stands in front of engineio, so that what it turns away costs nothing, and answers in the one error shape.
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
from whisper_appliance.web.auth.origins import is_foreign
from whisper_appliance.web.errors import status_of
from whisper_appliance.web.limits.stream_slots import StreamSlots
from whisper_appliance.web.limits.token_bucket import TokenBucket
from whisper_appliance.web.security_headers import SECURITY_HEADERS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/socket.io/"
MESSAGE_BURST_FACTOR = 3.0
"""As many times those of a second; so, too, the bytes."""
BYTE_BURST_FACTOR = 4.0
PATIENCE_SECONDS = 10.0
REASONS = {403: "403 Forbidden", 429: "429 Too Many Requests"}


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """How many sockets one address may have, how fast each may speak, and which other sites may come in.

    40 messages are 20 packets of audio, each a message that names it and one that holds it.
    """

    per_address: int = 10
    messages_per_second: float = 40.0
    bytes_per_second: float = 256 * 1024.0
    origins: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Guest:
    address: str
    messages: TokenBucket
    volume: TokenBucket

    @classmethod
    def by(cls, rules: SocketLimits, address: str) -> "_Guest":
        messages, volume = rules.messages_per_second, rules.bytes_per_second
        return cls(
            address,
            TokenBucket(messages, messages * MESSAGE_BURST_FACTOR),
            TokenBucket(volume, volume * BYTE_BURST_FACTOR),
        )


class SocketGate:
    """Counts who is inside; shares its places with the event streams, since each holds a thread."""

    def __init__(
        self, places: StreamSlots, rules: SocketLimits, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._places = places
        self._rules = rules
        self._sleep = sleep
        self._lock = threading.Lock()
        self._inside: dict[str, _Guest] = {}
        self._addresses: Counter[str] = Counter()

    def before(self, application: "WSGIApplication") -> "WSGIApplication":
        """`application` behind this door, as far as its sockets go."""

        def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            if environ.get("PATH_INFO", "").startswith(PATH):
                try:
                    self._look_at(environ)
                except ApplianceError as error:
                    return _refusal(error, start_response)
            return application(environ, start_response)

        return answer

    def enter(self, connection: str, environ: "WSGIEnvironment") -> None:
        """Takes a place. Raises `Busy` when there is none."""
        address = environ.get("REMOTE_ADDR", "")
        with self._lock:
            self._check_room(address)
            self._places.open()
            self._inside[connection] = _Guest.by(self._rules, address)
            self._addresses[address] += 1

    def leave(self, connection: str) -> None:
        """Gives the place back; once, however often it is told."""
        with self._lock:
            guest = self._inside.pop(connection, None)
            if guest is None:
                return
            self._addresses[guest.address] -= 1
            self._addresses += Counter()
        self._places.close()

    def keep_pace(self, connection: str, size: int) -> None:
        """Holds the reader of a connection up when it sends too fast; `Busy` when that is no use any more."""
        guest = self._inside.get(connection)
        if guest is None:
            raise Busy("The connection has been closed.")
        wait = max(
            guest.messages.take(1, patience_seconds=PATIENCE_SECONDS),
            guest.volume.take(size, patience_seconds=PATIENCE_SECONDS),
        )
        if wait:
            self._sleep(wait)

    def is_foreign(self, environ: "WSGIEnvironment") -> bool:
        """Whether a page of a site opens the connection that may not."""
        return is_foreign(
            environ.get("HTTP_SEC_FETCH_SITE"),
            environ.get("HTTP_ORIGIN"),
            environ.get("HTTP_HOST", ""),
            self._rules.origins,
        )

    def _look_at(self, environ: "WSGIEnvironment") -> None:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        if self.is_foreign(environ) or "j" in query:  # JSONP exists to be read by other sites
            raise NotAllowed(
                "This connection comes from a page of another site. Open the appliance's own page instead."
            )
        if "sid" not in query:
            with self._lock:
                self._check_room(environ.get("REMOTE_ADDR", ""))

    def _check_room(self, address: str) -> None:
        if self._addresses[address] >= self._rules.per_address:
            raise Busy("Too many connections from this address. Close one first.", retry_after_seconds=10)
        if not self._places.free():
            raise Busy("Too many connections at once. Try again in a moment.", retry_after_seconds=10)


def _refusal(error: ApplianceError, start_response: "StartResponse") -> list[bytes]:
    said = {"error": {"code": error.code, "message": error.message, "field": None, "request_id": ""}}
    body = json.dumps(said).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    headers += [*SECURITY_HEADERS.items(), ("Cache-Control", "no-store")]
    if error.retry_after_seconds is not None:
        headers.append(("Retry-After", str(round(error.retry_after_seconds))))
    start_response(REASONS[status_of(type(error))], headers)
    return [body]
