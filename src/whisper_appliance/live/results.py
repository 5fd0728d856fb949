"""What the live room answers, and its limits, as plain data."""

from dataclasses import dataclass

from whisper_appliance.live.events import Payload


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """How many sessions there may be, how long, with what packets, and the disk space they leave free."""

    sessions: int = 8
    sessions_per_user: int = 2
    session_seconds: float = 4 * 3600
    idle_seconds: float = 60
    resume_seconds: float = 600
    packet_bytes: int = 65_536
    min_free_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: how to name it, how to take it up again, and what it takes."""

    session: str
    token: str
    next_seq: int
    credit_ms: int
    max_packet_bytes: int
    max_seconds: float


@dataclass(frozen=True, slots=True)
class Ack:
    """All packets before `next_seq` are kept. Not ok: one is missing, and is wanted again from there."""

    ok: bool
    next_seq: int
    lag_ms: int
    credit_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where to go on, and what was missed: its events, or a snapshot where those are too many."""

    next_seq: int
    events: tuple[Payload, ...]
    partial: Payload | None
    snapshot: Payload | None


@dataclass(frozen=True, slots=True)
class ViewerState:
    """What somebody sees who begins to read along."""

    session: str
    snapshot: Payload
    partial: Payload | None
    ended: bool


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """How many sessions are open, of how many, and how far the slowest is behind."""

    sessions: int
    limit: int
    lag_ms: int
