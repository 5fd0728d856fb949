"""Moments as the database keeps them: UTC, ISO 8601, to the millisecond, so that text order is time order."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


def written(moment: datetime) -> str:
    """E.g. `2026-05-01T12:30:00.250Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
