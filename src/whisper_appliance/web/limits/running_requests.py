"""Running requests: a limit of those of one client, and threads that are kept for what all need.

A request leaves the count of its client once it has a place of its own (`client_slots`): as a stream, as a
socket, or because it waits for a transcript.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import ClosingIterator

from whisper_appliance.core import request_turn, server_threads
from whisper_appliance.core.errors import Busy
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.network import client_network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REFUSED = "whisper_appliance.refused"
"""The WSGI environment key of the error that a refused request gets."""
UNLIMITED = ("/health", "/static/")
KEPT_FOR = ("/api/status", "/sign-in", "/api/session")
"""Addresses that are answered while the threads for all others are in use (as are those of `UNLIMITED`)."""
KEPT_PER_CLIENT = 4
"""So many of the threads that are kept may one client use."""
RETRY_SECONDS = 5.0


class RunningRequests:
    """A WSGI middleware: counts the requests of each client that run. The application raises `REFUSED`."""

    def __init__(
        self,
        application: "WSGIApplication",
        per_client: int,
        on_refused: Callable[[str], None] = lambda name: None,
    ) -> None:
        """`per_client` is the limit, 0: none; `on_refused` is called with the name of a limit."""
        self._application = application
        self._per_client = per_client
        self._on_refused = on_refused
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(UNLIMITED):
            return self._application(environ, start_response)
        client = client_network(environ.get("REMOTE_ADDR", ""))
        with ExitStack() as running:
            running.callback(self._enter(client, path, environ))
            with request_turn.left_by(running.close):
                response = self._application(environ, start_response)
            return _closing(response, running.pop_all(), environ.get("wsgi.file_wrapper", ()))

    def _enter(self, client: str, path: str, environ: "WSGIEnvironment") -> Callable[[], None]:
        """Counts a request, and returns the function that ends it."""
        with self._lock:
            if refusal := self._refusal(self._running[client], path):
                environ[REFUSED] = refusal
            self._running[client] += 1
        return lambda: self._leave(client)

    def _leave(self, client: str) -> None:
        with self._lock:
            self._running[client] -= 1
            self._running += Counter()  # removes clients without requests

    def _refusal(self, running: int, path: str) -> Busy | None:
        free = server_threads.free.get()
        if 0 < self._per_client <= running:
            self._on_refused("requests")
            return _busy(N_("Your address has too many requests at once. Try again in a moment."))
        if free is None or free >= server_threads.RESERVED:
            return None
        if path.startswith(KEPT_FOR) and running < KEPT_PER_CLIENT:
            return None
        self._on_refused("spare_threads")
        return _busy(N_("The appliance has too many requests at once. Try again in a moment."))


def _busy(message: str) -> Busy:
    return Busy(message, retry_after_seconds=RETRY_SECONDS)


def _closing(response: Any, running: ExitStack, file_wrapper: Any) -> Iterable[bytes]:
    """The response, which ends the request when it is closed."""
    if isinstance(response, file_wrapper):  # another type would cost the server its sendfile
        running.callback(response.close)
        response.close = running.close
        return response  # type: ignore[no-any-return] # it is iterable
    return ClosingIterator(response, running.close)
