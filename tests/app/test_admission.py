"""Use is counted once for what was heard twice, and held against quotas before anything is read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import ready
from tests.support.library import transcript
from whisper_appliance.accounts.usage import Usage, UsageRow
from whisper_appliance.app.admission import make_usage, usage_hook
from whisper_appliance.config import settings
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with ready(f"sqlite:///{tmp_path / 'appliance.sqlite'}") as database:
        yield database


@pytest.fixture
def usage(database: Database) -> Usage:
    return make_usage(database, settings.load)


def finished(database: Database, usage: Usage, *, id: str, key_id: str = "") -> None:
    """A job of Ada's, done."""
    jobs = JobRepository(database, on_created=usage_hook(usage))
    request = JobRequest(audio=Path("a"), filename="a.wav", owner="ada", id=id, key_id=key_id)
    job = jobs.add(request, audio="a", audio_bytes=1, limits=QueueLimits(9, 9), claimed=True)
    jobs.finish(job, transcript())


def test_a_file_is_counted_for_its_owner_and_key(database: Database, usage: Usage) -> None:
    finished(database, usage, id="1" * 32, key_id="k")
    (used,) = usage.rows_for("ada")
    assert (used.key_id, used.jobs, used.audio_seconds, used.processing_seconds) == ("k", 1, 2.5, 0.4)


def test_a_retranscribed_live_session_counts_as_one_recording(database: Database, usage: Usage) -> None:
    history = TranscriptRepository(database, on_created=usage_hook(usage))
    for _ in range(2):  # as after a crash
        history.save_once("1" * 32, transcript(), title="Live", owner="ada", source="live")
    finished(database, usage, id="1" * 32)
    (used,) = usage.rows_for("ada")
    assert used == UsageRow(used.day, "", 1, 2.5, 0.8)


def test_quotas_follow_the_settings_at_once(database: Database) -> None:
    chosen = [settings.load(minutes_per_month=0, storage_per_user="1GiB")]
    usage = make_usage(database, lambda: chosen[-1])
    assert usage.effective_quota("ada").minutes_per_month is None
    chosen.append(settings.load(minutes_per_month=90, queue_limit_per_user=3))
    assert (usage.effective_quota("ada").minutes_per_month, usage.effective_quota("ada").waiting_jobs) == (
        90,
        3,
    )
