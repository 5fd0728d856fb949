"""Live sessions count for the quota of their owner while they are open, and end when it is used up."""

from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.library import transcript
from tests.support.live import LiveHarness
from tests.support.speech import silence, spoken
from tests.support.wait import wait_until
from whisper_appliance.accounts.usage import LIVE_COUNTED_SECONDS, Quota, Usage
from whisper_appliance.app.admission import usage_hook
from whisper_appliance.app.live_quota import LiveQuota
from whisper_appliance.core.errors import QuotaReached
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.repository import JobRepository, pending_seconds
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database

FOUR_SECONDS = Quota(4 / 60, None, 99)


@pytest.fixture
def usage(database: Database, clock: Clock) -> Usage:
    return Usage(database, defaults=lambda: FOUR_SECONDS, clock=clock)


def test_a_live_session_ends_when_the_minutes_of_its_owner_are_used_up(
    harness: LiveHarness, usage: Usage
) -> None:
    quota = LiveQuota(harness.sessions, usage)

    def refused() -> bool:
        quota.count()
        return bool(harness.of("error"))

    opened, of_another = harness.open(), harness.open(owner="bob")
    sent = harness.send(opened, spoken(1, 3))
    assert not refused()
    usage.check_minutes("ann")
    harness.send(opened, spoken(3, 9) + silence(1), sent)
    wait_until(refused)
    assert harness.until("error", opened.session)["code"] == "quota_reached"
    assert harness.until("end", opened.session)["text"] == "w1 w2 w3 w4 w5 w6 w7 w8"
    assert opened.session in harness.saved
    with pytest.raises(QuotaReached):
        usage.check_minutes("ann")
    usage.check_minutes("bob")
    assert of_another.session not in harness.saved


def test_a_file_that_waits_ends_no_live_session_because_it_is_large(database: Database, usage: Usage) -> None:
    request = JobRequest(Path("a"), "film.mkv", owner="ann")
    jobs = JobRepository(database)
    job = jobs.add(request, audio="a", audio_bytes=10**9, limits=QueueLimits(9, 9), claimed=True)
    usage.count_live("ann", {"open": 1.0}, FOUR_SECONDS, pending_seconds("ann", estimated=False))
    with pytest.raises(QuotaReached):
        usage.check_minutes("ann", pending_seconds("ann"))
    jobs.set_duration(job.id, 3.0)
    with pytest.raises(QuotaReached):
        usage.count_live("ann", {"open": 1.0}, FOUR_SECONDS, pending_seconds("ann", estimated=False))


def test_two_machines_count_the_live_sessions_of_an_owner_together(database: Database, usage: Usage) -> None:
    other = Usage(database, defaults=lambda: FOUR_SECONDS)
    usage.count_live("ann", {"here": 2.5}, FOUR_SECONDS)
    with pytest.raises(QuotaReached):
        usage.count_live("ann", {"there": 1.5}, FOUR_SECONDS)
    other.check_minutes("bob")


def test_a_live_session_counts_once_when_its_transcript_is_stored(
    database: Database, usage: Usage, clock: Clock
) -> None:
    half = transcript().duration / 2
    quota = Quota((transcript().duration + half) / 60, None, 99)
    history = TranscriptRepository(database, on_created=usage_hook(usage))
    usage.count_live("ann", {"s" * 32: transcript().duration}, quota)
    history.save_once("s" * 32, transcript(), title="Live", owner="ann", source="live")
    assert usage.seconds_this_month("ann") == transcript().duration
    usage.check_minutes("ann", quota=quota)
    usage.count_live("ann", {"cancelled": half - 0.1}, quota)
    with pytest.raises(QuotaReached):
        usage.count_live("ann", {"open": 0.1}, quota)
    clock.forward(seconds=LIVE_COUNTED_SECONDS + 1)
    usage.count_live("ann", {"open": 0.1}, quota)
