"""Replay by idempotency key, on both databases."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.library import transcript
from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import Busy, KeyReused
from whisper_appliance.jobs.job import IdempotencyKey, Job, JobRequest
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database


@pytest.fixture
def jobs(database: Database, clock: Clock) -> JobRepository:
    return JobRepository(database, clock=clock)


def add(jobs: JobRepository, repeat: IdempotencyKey | None, limit: int = 50) -> Job:
    request = JobRequest(Path("x"), "talk.wav", owner="ann", idempotency=repeat)
    return jobs.add(request, audio="uploads/x", audio_bytes=44, limits=QueueLimits(limit, limit))


def done(jobs: JobRepository, repeat: IdempotencyKey) -> Job:
    job = jobs.claim(add(jobs, repeat).id)
    jobs.finish(job, transcript())
    return job


KEYED = IdempotencyKey("key", "this file")


def test_a_repeated_request_gets_the_same_job(jobs: JobRepository) -> None:
    assert add(jobs, KEYED).id == add(jobs, KEYED).id
    assert add(jobs, IdempotencyKey("another", "this file")).id != add(jobs, KEYED).id
    assert add(jobs, None).id != add(jobs, None).id


def test_a_repeated_request_needs_no_place_in_the_queue(jobs: JobRepository) -> None:
    first = add(jobs, KEYED, limit=1)
    assert add(jobs, KEYED, limit=1).id == first.id
    with pytest.raises(Busy):
        add(jobs, None, limit=1)


def test_a_key_of_another_request_is_refused(jobs: JobRepository) -> None:
    add(jobs, KEYED)
    with pytest.raises(KeyReused, match="new one"):
        add(jobs, IdempotencyKey("key", "another file"))


def test_a_job_that_was_done_long_ago_is_not_replayed(jobs: JobRepository, clock: Clock) -> None:
    job = done(jobs, KEYED)
    clock.forward(minutes=5)
    four_minutes, six_minutes = (written(clock() - timedelta(minutes=minutes)) for minutes in (4, 6))
    assert add(jobs, IdempotencyKey("key", "this file", six_minutes)).id == job.id
    assert add(jobs, KEYED).id == job.id
    again = add(jobs, IdempotencyKey("key", "this file", four_minutes))
    assert again.id != job.id
    assert add(jobs, KEYED).id == again.id


def test_a_failed_or_cancelled_job_is_not_replayed(jobs: JobRepository) -> None:
    failed = add(jobs, KEYED)
    jobs.claim(failed.id)
    jobs.fail(failed.id, "engine_failed", "It stopped.")
    waiting = add(jobs, KEYED)
    assert waiting.id != failed.id
    jobs.cancel(waiting.id)
    running = jobs.claim(add(jobs, KEYED).id)
    assert running.id != waiting.id
    jobs.request_cancel(running.id)
    assert add(jobs, KEYED).id != running.id


def test_a_job_whose_transcript_was_deleted_is_not_replayed(
    jobs: JobRepository, history: TranscriptRepository
) -> None:
    job = done(jobs, KEYED)
    history.delete(job.id, "ann")
    assert add(jobs, KEYED).id != job.id
