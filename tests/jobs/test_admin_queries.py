"""Administrators list the jobs of all owners."""

from dataclasses import asdict
from pathlib import Path

import pytest

from tests.support.clock import Clock
from whisper_appliance.core.errors import NotFound
from whisper_appliance.jobs.admin_queries import JobAdminQueries
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.storage.database import Database


@pytest.fixture
def jobs(database: Database, clock: Clock) -> JobRepository:
    return JobRepository(database, clock=clock)


@pytest.fixture
def queries(database: Database) -> JobAdminQueries:
    return JobAdminQueries(database)


def add(jobs: JobRepository, owner: str = "a") -> str:
    request = JobRequest(Path("x"), "secret plan.wav", owner=owner, title="Secret title")
    return jobs.add(request, audio="uploads/x", audio_bytes=7, limits=QueueLimits(99, 99)).id


def test_jobs_of_all_owners_are_listed_without_titles_and_text(
    jobs: JobRepository, queries: JobAdminQueries
) -> None:
    first, second = add(jobs, "a"), add(jobs, "")
    listed = queries.page(limit=10).jobs
    assert [job.handle for job in listed] == [second[:16], first[:16]]
    text = str([asdict(job) for job in listed])
    assert "ecret" not in text
    assert first not in text
    assert second not in text


def test_pages_of_jobs_follow_each_other(jobs: JobRepository, queries: JobAdminQueries) -> None:
    ids = [add(jobs) for _ in range(5)]
    page = queries.page(limit=2)
    listed = list(page.jobs)
    while page.next_before is not None:
        page = queries.page(limit=2, before=page.next_before)
        listed += page.jobs
    assert [job.handle for job in listed] == [id[:16] for id in reversed(ids)]


def test_jobs_are_found_by_state_and_owner(jobs: JobRepository, queries: JobAdminQueries) -> None:
    failed, waiting = add(jobs, "a"), add(jobs, "b")
    jobs.claim(failed)
    jobs.fail(failed, "no_audio", "It holds no audio.")
    (listed,) = queries.page(statuses=("failed",), limit=10).jobs
    assert listed.handle == failed[:16]
    assert listed.error is not None
    assert listed.error.message == "It holds no audio."
    (theirs,) = queries.page(owner="b", limit=10).jobs
    assert theirs.handle == waiting[:16]
    assert queries.counts() == {"failed": 1, "queued": 1}


def test_a_handle_is_resolved_to_the_id_of_its_job(jobs: JobRepository, queries: JobAdminQueries) -> None:
    ids = [add(jobs) for _ in range(20)]
    assert [queries.id_of(id[:16]) for id in ids] == ids
    for wrong in ("0" * 16, "", "%", ids[0], "zz"):
        with pytest.raises(NotFound):
            queries.id_of(wrong)
