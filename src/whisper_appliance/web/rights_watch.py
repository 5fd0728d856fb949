"""The rights watch: ends open connections soon after the right to them has ended, silent ones too."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from whisper_appliance.core.errors import ApplianceError, NotAllowed, NotFound, SignInRequired
from whisper_appliance.core.log_errors import log_errors

INTERVAL_SECONDS = 10.0
"""Revoked keys, disabled users, lost roles and ended sessions lose their connections after so long."""
Check = Callable[[], object]
"""Raises `SignInRequired`, `NotAllowed` or `NotFound` once the right has ended."""
End = Callable[[ApplianceError], object]
"""Ends the connection, with the reason; it must not block."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Watched:
    check: Check
    end: End


class RightsWatch:
    """The open connections of one application. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: dict[str, _Watched] = {}

    def add(self, connection: str, check: Check, end: End) -> None:
        """Watches a connection until it is removed, or its right has ended."""
        with self._lock:
            self._connections[connection] = _Watched(check, end)

    def remove(self, connection: str) -> None:
        """Forgets a connection that has ended."""
        with self._lock:
            self._connections.pop(connection, None)

    @contextmanager
    def watched(self, connection: str, check: Check, end: End) -> Iterator[None]:
        """Watches a connection inside the block."""
        self.add(connection, check, end)
        try:
            yield
        finally:
            self.remove(connection)

    def check_all(self) -> None:
        """Checks every connection now, and ends those whose right has ended.

        What cannot be checked, because the database is busy for example, stays open until the next time.
        """
        with self._lock:
            connections = list(self._connections.items())
        for connection, watched in connections:
            log_errors(partial(self._check, connection, watched), "a connection's right could not be checked")

    def _check(self, connection: str, watched: _Watched) -> None:
        try:
            watched.check()
        except (SignInRequired, NotAllowed, NotFound) as error:
            self.remove(connection)
            log.info("connection ended: no right any more", reason=error.message)
            watched.end(error)

    def start(self, stopping: threading.Event, interval_seconds: float = INTERVAL_SECONDS) -> None:
        """Checks every connection again and again, in a thread of its own, until `stopping` is set."""

        def run() -> None:
            while not stopping.wait(interval_seconds):
                self.check_all()

        threading.Thread(target=run, name="rights-watch", daemon=True).start()
