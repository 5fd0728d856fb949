"""Results of the live manager and its limits, as frozen data."""

from dataclasses import dataclass

from whisper_appliance.engines.contract import Task
from whisper_appliance.live.events import Payload


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Limits of live sessions: number, length, idle time, packet size, and disk space that stays free."""

    sessions: int = 8
    sessions_per_user: int = 2
    session_seconds: float = 4 * 3600
    idle_seconds: float = 60
    resume_seconds: float = 600
    packet_bytes: int = 65_536
    min_free_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: its id, the token to resume it, and the limits of its packets."""

    session: str
    token: str
    next_seq: int
    credit_ms: int
    max_packet_bytes: int
    max_seconds: float


@dataclass(frozen=True, slots=True)
class Ack:
    """Acknowledges all packets before `next_seq`. `ok` is False if packets are missing from there on."""

    ok: bool
    next_seq: int
    lag_ms: int
    credit_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The next packet of a resumed session, and its missed events; a snapshot if those are too many."""

    next_seq: int
    events: tuple[Payload, ...]
    partial: Payload | None
    snapshot: Payload | None


@dataclass(frozen=True, slots=True)
class ViewerState:
    """The captions so far, for a viewer who has just opened the link of a session."""

    session: str
    task: Task
    snapshot: Payload
    partial: Payload | None
    arriving: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """The number of open sessions, its limit, and the lag of the slowest."""

    sessions: int
    limit: int
    lag_ms: int
