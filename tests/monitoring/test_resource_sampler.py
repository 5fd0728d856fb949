"""The sampler: what it reads out of two looks at the appliance, what it keeps, and how often it looks."""

import threading
from dataclasses import replace

import pytest

from tests.support.wait import wait_until
from whisper_appliance.host.gpus import GpuUse
from whisper_appliance.host.stats import HostStats
from whisper_appliance.monitoring.resource_sampler import ResourceSampler, Sample, mean
from whisper_appliance.monitoring.status_types import (
    EngineState,
    Health,
    Limits,
    LiveState,
    QueueState,
    Status,
)

ENGINE = EngineState("base", "faster-whisper", "1", "busy", "", 3, 2, 9, 0.0, 0, 400, "cpu", "int8", ())
STATUS = Status(
    version="1",
    versions={},
    uptime_seconds=1.0,
    health=Health("ok", (), "1", 1.0),
    model=None,
    models=(),
    engines=(),
    queue=QueueState(4, 2),
    live=LiveState(1, 8, 250),
    limits=Limits(1, 1.0, 1.0),
    host=HostStats(2, 10.0, 1000, 400, 5000, 2000),
    decoder=None,
    certificate=None,
)


class FakeClockAndProbes:
    """An appliance and a clock that stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.passed = 50.0
        self.status = STATUS
        self.looks = 0

    def look(self) -> Status:
        self.looks += 1
        return self.status

    def go_on(self, seconds: float) -> None:
        self.now += seconds
        self.passed += seconds

    def vitals(self) -> ResourceSampler:
        cards = (GpuUse("card", 30.0, 600, 1000), GpuUse("other", None, 200, 1000))
        return ResourceSampler(
            self.look, find_gpus=lambda: cards, clock=lambda: self.now, monotonic=lambda: self.passed
        )


@pytest.fixture
def probes() -> FakeClockAndProbes:
    return FakeClockAndProbes()


def test_a_sample_has_the_load_of_every_part(probes: FakeClockAndProbes) -> None:
    sample, minute = probes.vitals().sample_once()
    assert minute is None
    assert sample.time == probes.now
    assert (sample.memory, sample.disk_free) == (600, 2000)
    assert (sample.jobs_waiting, sample.jobs_running, sample.live, sample.live_lag_ms) == (4, 2, 1, 250)
    assert (sample.gpu, sample.gpu_memory) == (30.0, 800)
    assert (sample.own_memory or 0) > 1_000_000
    assert 0 <= (sample.cpu or 0) <= 100
    assert sample.speed is None


def test_counters_become_rates_per_second(probes: FakeClockAndProbes) -> None:
    engine = replace(ENGINE, workers=2, heard_seconds=100.0, busy_seconds=20.0, worker_seconds=30.0)
    probes.status = replace(STATUS, engines=(engine,))
    vitals = probes.vitals()
    vitals.sample_once()
    for _ in range(7):
        vitals.count_request()
    probes.go_on(2)
    more = replace(engine, heard_seconds=112.0, busy_seconds=21.5, worker_seconds=32.0)
    probes.status = replace(STATUS, engines=(more,))
    sample, _ = vitals.sample_once()
    assert sample.requests == 3.5
    assert sample.engine == 50.0  # 2 of 4 seconds of both workers
    assert sample.speed == 8.0  # 12 seconds of audio in 1.5 seconds of work
    assert sample.windows_waiting == 3


def test_an_engine_that_was_loaded_anew_counts_from_nothing(probes: FakeClockAndProbes) -> None:
    engine = replace(ENGINE, heard_seconds=100.0, busy_seconds=20.0, worker_seconds=20.0)
    probes.status = replace(STATUS, engines=(engine,))
    vitals = probes.vitals()
    vitals.sample_once()
    probes.go_on(2)
    new = replace(engine, heard_seconds=3.0, busy_seconds=1.0, worker_seconds=1.0)
    probes.status = replace(STATUS, engines=(new,))
    assert vitals.sample_once()[0].speed == 3.0


def test_a_missing_measurement_is_none(probes: FakeClockAndProbes) -> None:
    probes.status = replace(STATUS, queue=None, host=None)
    sample, _ = probes.vitals().sample_once()
    assert sample.jobs_waiting is None
    assert sample.memory is None


def test_ten_minutes_are_kept_finely_and_a_day_by_the_minute(probes: FakeClockAndProbes) -> None:
    vitals = probes.vitals()
    for _ in range(26 * 60):
        vitals.sample_once()
        probes.go_on(60)
    assert len(vitals.minutes()) == 24 * 60
    recent = vitals.recent()
    assert recent[-1].time - recent[0].time == 600
    assert all(minute.time % 60 == 0 for minute in vitals.minutes())


def test_a_minute_is_the_mean_of_its_samples(probes: FakeClockAndProbes) -> None:
    samples = [
        Sample(probes.now + at, cpu=cpu, speed=speed) for at, cpu, speed in ((0, 10, None), (2, 20, 4.0))
    ]
    minute = mean(samples)
    assert (minute.time, minute.cpu, minute.speed, minute.gpu) == (probes.now // 60 * 60, 15, 4.0, None)


def test_a_clock_that_is_put_back_begins_a_new_history(probes: FakeClockAndProbes) -> None:
    vitals = probes.vitals()
    for _ in range(5):
        vitals.sample_once()
        probes.go_on(60)
    probes.go_on(-3600)
    vitals.sample_once()
    assert len(vitals.recent()) == 1
    assert vitals.minutes() == ()


def test_it_samples_fast_only_while_somebody_watches(probes: FakeClockAndProbes) -> None:
    vitals = ResourceSampler(probes.look, fast_seconds=0.02)
    told = threading.Semaphore(0)
    vitals.subscribe(lambda sample, minute: told.release())
    vitals.start()
    try:
        assert told.acquire(timeout=60)
        assert not told.acquire(blocking=False)
        vitals.sample_fast(True)
        for _ in range(4):
            assert told.acquire(timeout=60)
        vitals.sample_fast(False)
        wait_until(lambda: not told.acquire(timeout=0.2), reason="it still samples fast")
    finally:
        vitals.close()
