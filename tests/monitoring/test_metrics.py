"""Metrics count what the packages announce."""

import pytest

from tests.support.live import LiveHarness
from tests.support.speech import silence, spoken
from whisper_appliance.engines.contract import Priority
from whisper_appliance.engines.process.usage import UsageMeter
from whisper_appliance.jobs.events import JobDone, JobFailed, JobStarted
from whisper_appliance.models.events import ModelEvent
from whisper_appliance.monitoring.metrics import Metrics


@pytest.fixture
def seconds() -> list[float]:
    return [0.0]


@pytest.fixture
def metrics(seconds: list[float]) -> Metrics:
    return Metrics(lambda: pytest.fail("nobody asked for the state"), monotonic=lambda: seconds[0])


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One number; the state behind the others is not asked."""
    for family in metrics.registry.restricted_registry([name]).collect():
        for sample in family.samples:
            if (sample.name, sample.labels) == (name, labels):
                return float(sample.value)
    return None


def test_a_live_session_measures_first_word_and_commit_latency(
    harness: LiveHarness, metrics: Metrics
) -> None:
    opened = harness.open()
    next_seq = harness.send(opened, silence(0.5) + spoken(1, 11) + silence(1))
    harness.stop(opened, next_seq)
    for told in harness.events:
        metrics.on_live_event(told)
    assert value(metrics, "whisper_live_first_caption_seconds_count") == 1
    lags = value(metrics, "whisper_live_commit_lag_seconds_count")
    assert lags == len(harness.of("commit"))
    assert 0 <= (value(metrics, "whisper_live_commit_lag_seconds_sum") or 0) < 6 * lags
    assert metrics._speaking == {}


def test_loading_a_model_is_timed(metrics: Metrics, seconds: list[float]) -> None:
    metrics.on_model_event(ModelEvent("loading", "base", ""))
    seconds[0] = 2.0
    metrics.on_model_event(ModelEvent("loaded", "base", ""))
    metrics.on_model_event(ModelEvent("loaded", "base", ""))
    assert value(metrics, "whisper_model_load_seconds_sum", model="base") == 2.0
    assert value(metrics, "whisper_model_load_seconds_count", model="base") == 1


def test_jobs_measure_wait_speed_and_outcome(metrics: Metrics) -> None:
    metrics.on_job_event(JobStarted("a", Priority.BATCH, 3.0))
    metrics.on_job_event(JobDone("a", "base", 60.0, 10.0, 4))
    metrics.on_job_event(JobFailed("b", "undecodable"))
    metrics.on_job_event(JobFailed("c", "cancelled"))
    assert value(metrics, "whisper_job_wait_seconds_sum", priority="batch") == 3.0
    assert value(metrics, "whisper_real_time_factor_sum", model="base") == 6.0
    assert value(metrics, "whisper_dropped_words_total", model="base") == 4
    for status in ("done", "failed", "cancelled"):
        assert value(metrics, "whisper_jobs_total", status=status) == 1
    assert value(metrics, "whisper_errors_total", where="job", code="undecodable") == 1
    assert value(metrics, "whisper_errors_total", where="job", code="cancelled") is None


def test_an_engine_counts_its_windows_by_urgency() -> None:
    meter = UsageMeter(lambda: 0.0)
    meter.add_window(1.0, Priority.LIVE)
    meter.add_window(1.0, Priority.BATCH)
    meter.add_window(1.0, Priority.BATCH)
    assert meter.total().windows_by_priority == (1, 0, 2)
