"""Everybody's jobs, as those who run the appliance see them."""

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
def oversight(database: Database) -> JobAdminQueries:
    return JobAdminQueries(database)


def add(jobs: JobRepository, owner: str = "a") -> str:
    request = JobRequest(Path("x"), "secret plan.wav", owner=owner, title="Secret title")
    return jobs.add(request, audio="uploads/x", audio_bytes=7, limits=QueueLimits(99, 99)).id


def test_jobs_of_everybody_are_seen_without_their_words(
    jobs: JobRepository, oversight: JobAdminQueries
) -> None:
    first, second = add(jobs, "a"), add(jobs, "")
    seen = oversight.page(limit=10).jobs
    assert [job.handle for job in seen] == [second[:16], first[:16]]
    told = str([asdict(job) for job in seen])
    assert "ecret" not in told
    assert first not in told
    assert second not in told


def test_pages_follow_upon_each_other(jobs: JobRepository, oversight: JobAdminQueries) -> None:
    ids = [add(jobs) for _ in range(5)]
    page = oversight.page(limit=2)
    seen = list(page.jobs)
    while page.next_before is not None:
        page = oversight.page(limit=2, before=page.next_before)
        seen += page.jobs
    assert [job.handle for job in seen] == [id[:16] for id in reversed(ids)]


def test_jobs_are_found_by_state_and_owner(jobs: JobRepository, oversight: JobAdminQueries) -> None:
    failed, waiting = add(jobs, "a"), add(jobs, "b")
    jobs.claim(failed)
    jobs.fail(failed, "no_audio", "It holds no audio.")
    (seen,) = oversight.page(statuses=("failed",), limit=10).jobs
    assert seen.handle == failed[:16]
    assert seen.error is not None
    assert seen.error.message == "It holds no audio."
    (theirs,) = oversight.page(owner="b", limit=10).jobs
    assert theirs.handle == waiting[:16]
    assert oversight.counts() == {"failed": 1, "queued": 1}


def test_a_handle_leads_to_its_job(jobs: JobRepository, oversight: JobAdminQueries) -> None:
    ids = [add(jobs) for _ in range(20)]
    assert [oversight.id_of(id[:16]) for id in ids] == ids
    for wrong in ("0" * 16, "", "%", ids[0], "zz"):
        with pytest.raises(NotFound):
            oversight.id_of(wrong)
