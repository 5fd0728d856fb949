"""What the history holds, in numbers."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.clock import Clock
from tests.support.library import transcript
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.monitoring.statistics import Amount, DayTotal, Statistics, TranscriptKind
from whisper_appliance.storage.database import Database

UTC = ZoneInfo("UTC")
ENGLISH = TranscriptKind("en", "base", "upload")


@pytest.fixture
def statistics(database: Database, clock: Clock) -> Statistics:
    return Statistics(database, clock=clock)


def keep(history: TranscriptRepository, *, source: str = "upload", **facts: object) -> str:
    made = replace(transcript(), **facts)  # type: ignore[arg-type]
    return history.add(made, title="Secret", owner="a", source=source)


def test_hours_are_counted_by_day_language_model_and_source(
    history: TranscriptRepository, statistics: Statistics, clock: Clock
) -> None:
    keep(history, duration=60.0, processing_seconds=6.0)
    keep(history, duration=30.0, processing_seconds=4.0)
    keep(history, duration=10.0, language="de", model="small", source="live", processing_seconds=1.0)
    clock.forward(days=1)
    keep(history, duration=5.0, processing_seconds=1.0)
    assert set(statistics.by_day(UTC, days=30)) == {
        DayTotal("2026-05-01", ENGLISH, Amount(2, 90.0, 10.0)),
        DayTotal("2026-05-01", TranscriptKind("de", "small", "live"), Amount(1, 10.0, 1.0)),
        DayTotal("2026-05-02", ENGLISH, Amount(1, 5.0, 1.0)),
    }


def test_days_are_those_of_the_time_zone(
    history: TranscriptRepository, statistics: Statistics, clock: Clock
) -> None:
    clock.forward(hours=7, minutes=20)  # 19:20 UTC: 00:50 of the next day in Kolkata
    keep(history)
    clock.forward(hours=-1)  # 18:20 UTC: 23:50
    keep(history)
    days = [total.day for total in statistics.by_day(ZoneInfo("Asia/Kolkata"))]
    assert days == ["2026-05-01", "2026-05-02"]


def test_only_the_last_days_are_counted_from_midnight_on(
    history: TranscriptRepository, statistics: Statistics, clock: Clock
) -> None:
    for _ in range(4):
        keep(history)
        clock.forward(days=1)
    clock.forward(days=-1)
    assert [total.day for total in statistics.by_day(UTC, days=2)] == ["2026-05-03", "2026-05-04"]
    assert len(statistics.by_day(UTC)) == 4


def test_an_empty_history_has_no_days(statistics: Statistics) -> None:
    assert statistics.by_day(UTC, days=7) == ()
    assert statistics.last_hours(24) == Amount()


def test_what_is_in_the_trash_was_transcribed_all_the_same(
    history: TranscriptRepository, statistics: Statistics
) -> None:
    history.delete(keep(history, duration=8.0, processing_seconds=2.0), "a")
    assert statistics.last_hours(1) == Amount(1, 8.0, 2.0)


def test_failures_are_counted_by_their_reason(
    database: Database, statistics: Statistics, clock: Clock
) -> None:
    jobs = JobRepository(database, clock=clock)
    for number, code in enumerate(["undecodable", "no_audio", "undecodable"]):
        request = JobRequest(Path("x"), "secret.wav", id=f"{number:032x}")
        jobs.add(request, audio="uploads/x", audio_bytes=1, limits=QueueLimits(9, 9))
        jobs.claim(request.id)
        jobs.fail(request.id, code, "It failed.")
    assert list(statistics.failures(24).items()) == [("undecodable", 2), ("no_audio", 1)]
    clock.forward(days=2)
    assert statistics.failures(24) == {}
