"""Timestamps of the database: UTC, ISO 8601, milliseconds, because then text order is time order."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def seconds_since_boot() -> float:
    """The time since the machine started, with that of its suspensions; changes of the clock do not count."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def written(moment: datetime) -> str:
    """E.g. `2026-05-01T12:30:00.250Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
