"""Retention of ended sessions: each stays available to its client for a while, and only a few at once."""

from collections.abc import Callable

MAX_SESSIONS = 50  # each keeps its files open


class RecentlyEnded:
    """Ids of ended sessions, oldest first."""

    def __init__(self, seconds: Callable[[], float], clock: Callable[[], float]) -> None:
        """`seconds` returns the retention time; it is called each time because the setting may change."""
        self._seconds = seconds
        self._clock = clock
        self._ended_at: dict[str, float] = {}

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._ended_at

    def add(self, session_id: str) -> None:
        """Starts the retention time of a session."""
        self._ended_at[session_id] = self._clock()

    def discard(self, session_id: str) -> None:
        """Drops a session that was removed."""
        self._ended_at.pop(session_id, None)

    def expired(self) -> list[str]:
        """Sessions beyond their retention time, and the oldest of those above `MAX_SESSIONS`."""
        ended = list(self._ended_at.items())
        surplus = len(ended) - MAX_SESSIONS
        oldest = self._clock() - self._seconds()
        return [
            session_id for number, (session_id, at) in enumerate(ended) if number < surplus or at < oldest
        ]
