"""Administration of live sessions: lists and stops the sessions of all users, without their words.

A session is named by its handle, the first half of its id, because the whole id gives access to the
transcript of a session without an owner.
"""

from dataclasses import dataclass
from typing import Literal

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import NotFound
from whisper_appliance.live.live_session import LiveSession
from whisper_appliance.live.manager import LiveManager

HANDLE_CHARS = 16
ENDED_BY_ADMIN = "An administrator has ended this recording. The transcript so far is kept."


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session without its words. `away`: its client is disconnected and may resume it."""

    handle: str
    owner: str
    created: str
    model: str
    language: str | None
    state: Literal["on", "away", "ending"]
    audio_seconds: float
    lag_seconds: float
    shared: bool


class LiveAdmin:
    """Lists, stops and transfers the sessions of all users."""

    def __init__(self, live: LiveManager) -> None:
        self._live = live

    def open_sessions(self) -> tuple[SessionSummary, ...]:
        """All sessions that have not ended, newest first."""
        sessions = [session for session in self._live.sessions if not session.ended]
        newest_first = sorted(sessions, key=lambda session: session.info.created, reverse=True)
        return tuple(_summary(session) for session in newest_first)

    def stop(self, handle: str) -> None:
        """Stops a session as its client would; its transcript is kept. Raises `NotFound`."""
        for session in self._live.sessions:
            if session.id[:HANDLE_CHARS] == handle and not session.ended:
                self._live.stop_with_reason(session, "ended_by_admin", ENDED_BY_ADMIN)
                return
        raise NotFound("There is no such live session. It may have ended meanwhile.")

    def cancel_owned_by(self, owner: str) -> None:
        """Cancels all sessions of an owner; nothing of them is kept."""
        for session in self._owned_by(owner):
            session.cancelled = True

    def transfer(self, owner: str, heir: str) -> None:
        """Changes the owner of open sessions; their transcripts will belong to `heir`."""

        def transfer_sessions() -> None:
            for session in self._owned_by(owner):
                session.transfer_to(heir)

        self._live.while_not_finishing(transfer_sessions)

    def _owned_by(self, owner: str) -> list[LiveSession]:
        return [session for session in self._live.sessions if owner and session.info.owner == owner]


def _summary(session: LiveSession) -> SessionSummary:
    return SessionSummary(
        handle=session.id[:HANDLE_CHARS],
        owner=session.info.owner,
        created=session.info.created,
        model=session.info.model,
        language=session.info.request.language,
        state="ending" if session.stopping else "on" if session.connection else "away",
        audio_seconds=round(session.recording.samples / SAMPLE_RATE, 1),
        lag_seconds=round(session.lag_seconds, 1),
        shared=bool(session.share),
    )
