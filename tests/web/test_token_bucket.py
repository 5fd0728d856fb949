"""The token bucket that limits the rate of one connection."""

import pytest

from whisper_appliance.core.errors import Busy
from whisper_appliance.web.limits.token_bucket import TokenBucket


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_needs_no_wait_and_then_the_rate_holds() -> None:
    clock = Clock()
    bucket = TokenBucket(10, 5, monotonic=clock)
    assert [bucket.take(1, max_wait_seconds=1) for _ in range(5)] == [0] * 5
    assert bucket.take(1, max_wait_seconds=1) == pytest.approx(0.1)
    clock.now = 0.1
    assert bucket.take(1, max_wait_seconds=1) == pytest.approx(0.1)


def test_an_idle_bucket_refills_up_to_the_burst_size() -> None:
    clock = Clock()
    bucket = TokenBucket(10, 5, monotonic=clock)
    bucket.take(5, max_wait_seconds=1)
    clock.now = 100
    assert bucket.take(5, max_wait_seconds=1) == 0
    assert bucket.take(1, max_wait_seconds=1) > 0


def test_a_wait_beyond_the_limit_is_refused_and_takes_no_tokens() -> None:
    bucket = TokenBucket(10, 5, monotonic=Clock())
    with pytest.raises(Busy):
        bucket.take(100, max_wait_seconds=1)
    assert bucket.take(5, max_wait_seconds=1) == 0
