"""A clock that only tests move."""

from datetime import UTC, datetime, timedelta

import pytest


class Clock:
    """The date and time that a test sets; it stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        """E.g. `forward(days=3)`."""
        self.now += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    return Clock()
