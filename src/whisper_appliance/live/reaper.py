"""The reaper of live sessions: flushes open ones to disk, and removes ended ones after their retention."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.live.live_session import LiveSession
from whisper_appliance.live.recently_ended import RecentlyEnded
from whisper_appliance.live.registry import SessionRegistry

SYNC_SECONDS = 1.0


class SessionReaper:
    """A thread that syncs open sessions and deletes the files of expired ones."""

    def __init__(
        self,
        registry: SessionRegistry,
        *,
        retention_seconds: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        """`retention_seconds` returns how long an ended session stays available to its client."""
        self._registry = registry
        self._ended = RecentlyEnded(retention_seconds, clock)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-sync", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def retain(self, session: LiveSession) -> None:
        """Starts the retention time of a session that has ended and is handed over."""
        with suppress(OSError):
            session.sync()
        self._ended.add(session.id)

    def remove(self, session: LiveSession) -> None:
        """Removes a session and its files now."""
        self._registry.remove(session)
        self._ended.discard(session.id)
        session.remove()

    def _run(self) -> None:
        while not self._closed.wait(SYNC_SECONDS):
            for session in self._registry.sessions:
                log_errors(partial(self._sync, session), "a live session could not be synced")
            for session_id in self._ended.expired():
                log_errors(partial(self._expire, session_id), "a live session could not be removed")

    def _sync(self, session: LiveSession) -> None:
        if session.id not in self._ended:
            with suppress(OSError):
                session.sync()

    def _expire(self, session_id: str) -> None:
        if expired := self._registry.find(session_id):
            self.remove(expired)
