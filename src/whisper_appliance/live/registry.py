"""The registry of live sessions: finds a session by its id, and checks who may use it."""

import threading

from whisper_appliance.core.errors import NotFound
from whisper_appliance.live.live_session import LiveSession

GONE = "There is no such live session. It has ended, or it belongs to another client."


class SessionRegistry:
    """All live sessions, also ended ones until they are removed. Thread-safe.

    A session belongs to the connection that opened or resumed it last; others get `NotFound`.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._sessions: dict[str, LiveSession] = {}

    @property
    def sessions(self) -> tuple[LiveSession, ...]:
        """All sessions, also those that have ended and are still available."""
        return tuple(self._sessions.values())

    def find(self, session_id: str) -> LiveSession | None:
        """The session with this id."""
        return self._sessions.get(session_id)

    def attached(self, session_id: str, connection: str) -> LiveSession:
        """The open session of a connection. Raises `NotFound`."""
        session = self._sessions.get(session_id)
        if session is None or session.ended or not connection or session.connection != connection:
            raise NotFound(GONE)
        return session

    def controlled(self, session_id: str, *, connection: str, owner: str, token: str) -> LiveSession:
        """The session of an owner, of a token, or of a connection. Raises `NotFound`."""
        session = self._sessions.get(session_id)
        if session and ((owner and session.info.owner == owner) or (token and session.token_matches(token))):
            return session
        return self.attached(session_id, connection)

    def add(self, session: LiveSession) -> None:
        """Adds a session. The caller holds `lock` if it checks limits before."""
        self._sessions[session.id] = session

    def remove(self, session: LiveSession) -> None:
        """Removes a session; its files stay."""
        with self.lock:
            self._sessions.pop(session.id, None)

    def close(self) -> None:
        """Closes all sessions; the next start restores them."""
        with self.lock:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()
