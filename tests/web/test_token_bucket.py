"""How fast one connection may send."""

import pytest

from whisper_appliance.core.errors import Busy
from whisper_appliance.web.limits.token_bucket import TokenBucket


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_free_and_then_the_rate_holds() -> None:
    clock = Clock()
    pace = TokenBucket(10, 5, monotonic=clock)
    assert [pace.take(1, patience_seconds=1) for _ in range(5)] == [0] * 5
    assert pace.take(1, patience_seconds=1) == pytest.approx(0.1)
    clock.now = 0.1
    assert pace.take(1, patience_seconds=1) == pytest.approx(0.1)


def test_who_was_quiet_may_burst_again_but_not_more() -> None:
    clock = Clock()
    pace = TokenBucket(10, 5, monotonic=clock)
    pace.take(5, patience_seconds=1)
    clock.now = 100
    assert pace.take(5, patience_seconds=1) == 0
    assert pace.take(1, patience_seconds=1) > 0


def test_a_wait_beyond_patience_is_refused_and_costs_nothing() -> None:
    pace = TokenBucket(10, 5, monotonic=Clock())
    with pytest.raises(Busy):
        pace.take(100, patience_seconds=1)
    assert pace.take(5, patience_seconds=1) == 0
