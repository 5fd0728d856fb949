"""Time left: what the queue still has to do before a job ends, at the measured pace."""

import pytest

from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.time_left import Pace, TimeLeft, Work, work_until_end

CONCURRENCY = {Priority.INTERACTIVE: 8, Priority.BATCH: 2}


def batch(job_id: str, left: float, done: float = 0.0) -> Work:
    return Work(job_id, Priority.BATCH, done, left)


class Time:
    """A clock that a test moves."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_job_alone_needs_its_own_work() -> None:
    assert work_until_end([batch("a", 600)], CONCURRENCY) == {"a": 600}


def test_two_jobs_share_the_engine_and_a_third_waits_for_a_place() -> None:
    ends = work_until_end([batch("a", 100), batch("b", 100), batch("c", 60)], CONCURRENCY)
    assert ends == {"a": 180, "c": 240, "b": 260}


def test_a_new_short_job_overtakes_a_long_one() -> None:
    ends = work_until_end([batch("long", 3000, done=600), batch("short", 40)], CONCURRENCY)
    assert ends == {"short": 40, "long": 3040}


def test_interactive_jobs_go_first() -> None:
    work = [batch("file", 100), Work("clip", Priority.INTERACTIVE, 0.0, 3.0)]
    assert work_until_end(work, CONCURRENCY) == {"clip": 3.0, "file": 103.0}


def test_the_pace_counts_time_at_work_only() -> None:
    clock = Time()
    pace = Pace(clock)
    clock.seconds += 1000
    pace.job_started("a", 0.0)
    assert pace.work_seconds(100) is None
    for step in range(11):
        clock.seconds += 1
        pace.window_decoded("a", 20.0)
        pace.window_finished("a", 20.0, step * 20.0)
    assert pace.work_seconds(100) == pytest.approx(5)
    pace.job_stopped("a")
    clock.seconds += 5000
    assert pace.work_seconds(100) == pytest.approx(5)


def test_windows_that_were_decoded_ahead_count() -> None:
    pace = Pace(Time())
    pace.job_started("a", 60.0)
    for _ in range(3):
        pace.window_decoded("a", 20.0)
    assert pace.done_seconds("a") == 120
    pace.window_finished("a", 20.0, 95.0)  # with fifteen seconds of silence before it
    assert pace.done_seconds("a") == 135
    assert pace.done_seconds("b") is None


def test_an_estimate_falls_with_time_and_grows_only_for_a_reason() -> None:
    clock = Time()
    work = [batch("a", 1000)]
    left = TimeLeft(lambda: work, CONCURRENCY, clock)
    assert left.seconds() == {}
    left.pace.job_started("a", 0.0)
    for _ in range(11):
        clock.seconds += 1
        left.pace.window_decoded("a", 10.0)
    assert left.seconds()["a"] == pytest.approx(89)
    clock.seconds += 0.5
    assert left.seconds()["a"] == pytest.approx(88.5)
    clock.seconds += 1.5  # a little slower than before: that is no reason
    left.pace.window_decoded("a", 10.0)
    assert left.seconds()["a"] == pytest.approx(87)
    clock.seconds += 2
    work[:] = [batch("b", 500), batch("a", 1000)]
    assert left.seconds()["a"] > 120, "another job goes first"
