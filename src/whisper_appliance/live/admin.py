"""The live sessions of everybody, for those who run the appliance: never what is said in them.

Whoever knows the whole id of nobody's session can read its transcript, so sessions are named by their handle,
the first half of the id.
"""

from dataclasses import dataclass
from typing import Literal

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import NotFound
from whisper_appliance.live.live_session import LiveSession
from whisper_appliance.live.manager import LiveManager

HANDLE_CHARS = 16
ENDED_BY_ADMIN = "Whoever runs the appliance has ended this recording. What was said so far is kept."


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session without its words. `away`: its speaker is not connected, and may come back."""

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
    """Looks after all sessions of the live room."""

    def __init__(self, sessions: LiveManager) -> None:
        self._sessions = sessions

    def seen(self) -> tuple[SessionSummary, ...]:
        """All that have not ended, the newest first."""
        streams = [stream for stream in self._sessions.streams if not stream.ended]
        return tuple(
            _seen(stream) for stream in sorted(streams, key=lambda each: each.facts.created, reverse=True)
        )

    def end(self, handle: str) -> None:
        """Ends a session as its speaker would: what was said is kept for them. Raises `NotFound`."""
        for stream in self._sessions.streams:
            if stream.id[:HANDLE_CHARS] == handle and not stream.ended:
                self._sessions.stop_with_reason(stream, "ended_by_admin", ENDED_BY_ADMIN)
                return
        raise NotFound("There is no such live session. It may have ended meanwhile.")

    def cancel_of(self, owner: str) -> None:
        """Ends all sessions of an owner; nothing of them is kept."""
        for stream in self._of(owner):
            stream.cancelled = True

    def hand_over(self, owner: str, heir: str) -> None:
        """Makes them `heir`'s while they go on: what comes of them from now on is kept for the heir."""

        def give() -> None:
            for stream in self._of(owner):
                stream.transfer_to(heir)

        self._sessions.while_not_finishing(give)

    def _of(self, owner: str) -> list[LiveSession]:
        return [stream for stream in self._sessions.streams if owner and stream.facts.owner == owner]


def _seen(stream: LiveSession) -> SessionSummary:
    return SessionSummary(
        handle=stream.id[:HANDLE_CHARS],
        owner=stream.facts.owner,
        created=stream.facts.created,
        model=stream.facts.model,
        language=stream.facts.request.language,
        state="ending" if stream.stopping else "on" if stream.connection else "away",
        audio_seconds=round(stream.recording.samples / SAMPLE_RATE, 1),
        lag_seconds=round(stream.lag_seconds, 1),
        shared=bool(stream.share),
    )
