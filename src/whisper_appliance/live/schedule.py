"""Who is heard next, and how often, when several microphones share an engine."""

from collections.abc import Iterable
from typing import TypeVar

from whisper_appliance.live.events import BackpressureLevel
from whisper_appliance.live.streaming_state import TaskKind

Key = TypeVar("Key")

FEW_STREAMS = 4
QUICK_STEP_SECONDS = 0.5
STEP_SECONDS = 1.0
SLOW_SECONDS = 3.0
FINALS_ONLY_SECONDS = 10.0
PAUSE_SECONDS = 60.0
RANK: dict[TaskKind, int] = {"final": 0, "long": 0, "candidate": 1, "step": 1, "refine": 2}


def backpressure_level(lag_seconds: float) -> BackpressureLevel:
    """How a session is that is so far behind."""
    if lag_seconds > PAUSE_SECONDS:
        return "pause"
    if lag_seconds > FINALS_ONLY_SECONDS:
        return "finals_only"
    return "slow" if lag_seconds > SLOW_SECONDS else "ok"


def decode_interval_seconds(streams: int, lag_seconds: float) -> float | None:
    """How much new speech is worth another hearing; None: only what has ended, until the lag is caught up."""
    if lag_seconds > FINALS_ONLY_SECONDS:
        return None
    return QUICK_STEP_SECONDS if streams <= FEW_STREAMS else STEP_SECONDS


def pick_next(waiting: Iterable[tuple[Key, TaskKind, float]]) -> tuple[Key, TaskKind] | None:
    """Of (who, what is wanted, when last served): what has ended first, then who was served longest ago."""
    ordered = sorted(waiting, key=lambda one: (RANK[one[1]], one[2]))
    return ordered[0][:2] if ordered else None
