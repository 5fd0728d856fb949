"""Scheduling of decode tasks: which session decodes next, how often, and its backpressure level."""

from collections.abc import Iterable
from typing import TypeVar

from whisper_appliance.live.events import BackpressureLevel
from whisper_appliance.live.streaming_state import TaskKind

Key = TypeVar("Key")

FEW_SESSIONS = 4
SHORT_INTERVAL_SECONDS = 0.5
INTERVAL_SECONDS = 1.0
SLOW_SECONDS = 3.0
FINALS_ONLY_SECONDS = 10.0
PAUSE_SECONDS = 60.0
TASK_PRIORITY: dict[TaskKind, int] = {"final": 0, "long": 0, "candidate": 1, "step": 1, "refine": 2}


def backpressure_level(lag_seconds: float) -> BackpressureLevel:
    """The level that a client receives for a lag."""
    if lag_seconds > PAUSE_SECONDS:
        return "pause"
    if lag_seconds > FINALS_ONLY_SECONDS:
        return "finals_only"
    return "slow" if lag_seconds > SLOW_SECONDS else "ok"


def decode_interval_seconds(sessions: int, lag_seconds: float, factor: float | None = 1.0) -> float | None:
    """Seconds of new speech before the buffer is decoded again.

    `factor` is the `interval_factor` of a session. None: only utterances that have ended are decoded until
    the lag is small again.
    """
    if factor is None or lag_seconds > FINALS_ONLY_SECONDS:
        return None
    return factor * (SHORT_INTERVAL_SECONDS if sessions <= FEW_SESSIONS else INTERVAL_SECONDS)


def pick_next(waiting: Iterable[tuple[Key, TaskKind, float]]) -> tuple[Key, TaskKind] | None:
    """The next of (session, task kind, time of its last task): by kind, then the least recently served."""
    ordered = sorted(waiting, key=lambda each: (TASK_PRIORITY[each[1]], each[2]))
    return ordered[0][:2] if ordered else None
