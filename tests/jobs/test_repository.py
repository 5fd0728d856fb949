"""The job repository: rows of jobs, their states, and their finished windows."""

from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.library import transcript
from whisper_appliance.core.errors import Busy, Conflict, NotFound
from whisper_appliance.engines.contract import Options, Priority, WindowResult
from whisper_appliance.jobs.failures import LONGEST_PAUSE_SECONDS
from whisper_appliance.jobs.job import FinishedWindow, Job, JobError, JobRequest
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import jobs as rows
from whisper_appliance.transcript.model import Segment


@pytest.fixture
def jobs(database: Database) -> JobRepository:
    return JobRepository(database)


def add(
    jobs: JobRepository, owner: str = "ann", priority: Priority = Priority.BATCH, network: str = ""
) -> Job:
    options = Options(language="de")
    request = JobRequest(Path("x"), "talk.wav", priority, owner, options=options, network=network)
    return jobs.add(request, audio="uploads/x", audio_bytes=44, limits=QueueLimits(5, 3, 4))


WINDOW = FinishedWindow(16000, 480000, WindowResult((Segment(0.5, 2.0, " Hallo."),), "de", 0.9))


def test_a_new_job_is_queued_with_its_request(jobs: JobRepository) -> None:
    job = jobs.get(add(jobs).id)
    assert (job.status, job.title, job.options.language, job.attempts) == ("queued", "talk", "de", 0)


def test_a_finished_job_has_its_transcript_and_no_windows(jobs: JobRepository, database: Database) -> None:
    job = jobs.claim(add(jobs).id)
    jobs.add_window(job.id, WINDOW, 0.5, 30.0)
    assert jobs.windows_of(job.id) == [WINDOW]
    assert jobs.get(job.id).progress == 0.5
    jobs.finish(job, transcript())
    assert jobs.windows_of(job.id) == []
    done = jobs.get(job.id)
    assert done.status == "done"
    assert TranscriptRepository(database).get(done.transcript_id or "", "ann").summary.job_id == job.id


def test_a_job_ends_once(jobs: JobRepository, database: Database) -> None:
    job = jobs.claim(add(jobs).id)
    jobs.finish(job, transcript())
    with pytest.raises(Conflict):
        jobs.finish(job, transcript())
    with pytest.raises(Conflict):
        jobs.fail(job.id, "internal", "x")
    assert len(TranscriptRepository(database).page("ann").summaries) == 1


def test_positions_follow_priority_and_then_arrival(jobs: JobRepository) -> None:
    first, second = add(jobs), add(jobs)
    urgent = add(jobs, priority=Priority.INTERACTIVE)
    assert order(jobs) == [urgent.id, first.id, second.id]
    assert jobs.waiting().positions == {urgent.id: 1, first.id: 2, second.id: 3}
    jobs.claim(urgent.id)
    assert order(jobs) == [first.id, second.id]
    assert jobs.counts() == {"queued": 2, "running": 1}


def test_the_queue_limit_refuses_further_jobs(jobs: JobRepository) -> None:
    for _ in range(3):
        add(jobs)
    with pytest.raises(Busy) as refused:
        add(jobs)
    assert refused.value.retry_after_seconds
    for _ in range(2):
        add(jobs, owner="bob")
    with pytest.raises(Busy):
        add(jobs, owner="eve")


def test_clients_of_one_network_without_an_account_leave_places_to_others(jobs: JobRepository) -> None:
    for owner in ("", "", "a visitor", "another visitor"):
        add(jobs, owner, network="192.0.2.7")
    for owner in ("", "a third visitor"):
        with pytest.raises(Busy, match="your network"):
            add(jobs, owner, network="192.0.2.7")
    with pytest.raises(Busy, match="your network"):
        jobs.check_queue_limit("", "192.0.2.7", QueueLimits(5, 3, 4))
    add(jobs, "", network="192.0.2.8")


def test_a_job_that_is_opened_again_counts_for_its_network(jobs: JobRepository) -> None:
    ended = add(jobs, "a visitor", network="192.0.2.7").id
    jobs.cancel(ended)
    for _ in range(4):
        add(jobs, "", network="192.0.2.7")
    with pytest.raises(Busy, match="your network"):
        jobs.reopen(ended, "a visitor", QueueLimits(9, 9, 4))


def test_jobs_of_a_visitor_who_signs_up_leave_their_places(
    jobs: JobRepository, database: Database, tmp_path: Path
) -> None:
    for owner in ("a visitor", "a visitor", "", ""):
        add(jobs, owner, network="192.0.2.7")
    TranscriptOwnership(database, tmp_path).transfer("a visitor", "ann")
    add(jobs, "another visitor", network="192.0.2.7")


def test_visitors_of_one_network_take_turns_as_one_client_and_then_among_themselves(
    jobs: JobRepository,
) -> None:
    ann, _, bob = (add(jobs, owner, network="192.0.2.7").id for owner in ("ann", "ann", "bob"))
    eve = add(jobs, "eve", network="192.0.2.8").id
    assert order(jobs)[:3] == [ann, eve, bob]


def test_a_job_of_another_owner_is_not_found(jobs: JobRepository) -> None:
    job, nobodys = add(jobs), add(jobs, owner="")
    with pytest.raises(NotFound):
        jobs.get(job.id, "bob")
    assert jobs.get(nobodys.id, "bob").id == nobodys.id


def test_a_stop_of_the_appliance_is_no_attempt_of_the_job(jobs: JobRepository) -> None:
    job = jobs.claim(add(jobs).id)
    jobs.requeue([job.id])
    again = jobs.get(job.id)
    assert (again.status, again.attempts) == ("queued", 0)
    with pytest.raises(Conflict):
        jobs.add_window(job.id, WINDOW, 0.5, None)


def test_a_postponed_job_may_be_claimed_by_another_worker(database: Database, clock: Clock) -> None:
    here, there = JobRepository(database, clock=clock), JobRepository(database, clock=clock)
    here.register_worker("here", "shared")
    there.register_worker("there", "shared")
    job = here.claim(add(here).id)
    here.add_window(job.id, WINDOW, 0.5, 30.0)
    here.postpone(job.id, "model_unavailable", "It is missing here.", 2)
    assert there.claimable() == ()
    clock.forward(seconds=3)
    assert [each.id for each in there.claimable()] == [job.id]
    again = there.claim(job.id)
    assert (again.attempts, there.windows_of(job.id)) == (1, [WINDOW])
    with pytest.raises(Conflict):
        here.set_progress(job.id, 0.6)


@pytest.mark.parametrize("hours", [-2, -370 * 24])
def test_a_postponed_job_is_due_if_the_clock_was_set_back(
    database: Database, clock: Clock, hours: int
) -> None:
    jobs = JobRepository(database, clock=clock)
    job = jobs.claim(add(jobs).id)
    jobs.postpone(job.id, "disk_full", "The disk is full.", LONGEST_PAUSE_SECONDS)
    assert jobs.claimable() == ()
    clock.forward(hours=hours)
    assert [each.id for each in jobs.claimable()] == [job.id]


def test_a_job_of_a_worker_that_died_is_tried_again_by_another_one(database: Database) -> None:
    dead, alive = JobRepository(database), JobRepository(database)
    dead.register_worker("dead", "shared")
    alive.register_worker("alive", "shared")
    job = dead.claim(add(dead).id)
    dead.fail(job.id, "engine_failed", "It stopped.")
    alive.reopen(job.id, "ann", QueueLimits())
    assert alive.claim(job.id).status == "running"


def test_a_worker_stops_a_job_that_another_one_has_taken_over(database: Database) -> None:
    here, there = JobRepository(database), JobRepository(database)
    here.register_worker("here", "shared")
    there.register_worker("there", "shared")
    job = here.claim(add(here).id)
    assert not here.is_to_stop(job.id)
    here.request_cancel(job.id)
    assert here.is_to_stop(job.id)
    here.requeue([job.id])
    with database.write() as connection:
        connection.execute(rows.update().values(worker=None))
    there.claim(job.id)
    with pytest.raises(Conflict):
        here.is_to_stop(job.id)


def test_rows_of_old_jobs_are_deleted_but_not_their_transcripts(
    jobs: JobRepository, database: Database
) -> None:
    job, waiting = jobs.claim(add(jobs).id), add(jobs)
    jobs.finish(job, transcript())
    assert jobs.delete_ended_before("9999") == [job.id]
    assert jobs.get(waiting.id).status == "queued"
    assert TranscriptRepository(database).get(job.id, "ann")


def test_the_jobs_of_the_last_hours_are_listed_newest_first(database: Database, clock: Clock) -> None:
    jobs = JobRepository(database, clock=clock)
    old = add(jobs)
    clock.forward(hours=25)
    failed, young = add(jobs), add(jobs)
    jobs.claim(failed.id)
    jobs.fail(failed.id, "undecodable", "Not audio.")
    listed = jobs.recent("ann", hours=24)
    assert [job.id for job in listed] == [young.id, failed.id]
    assert listed[1].error == JobError("undecodable", "Not audio.")
    assert old.id not in [job.id for job in jobs.recent("", hours=99)]


def test_the_transcript_of_a_recording_replaces_the_live_one_and_both_are_kept(
    database: Database, history: TranscriptRepository, clock: Clock
) -> None:
    live, better = transcript(" ever tied"), transcript(" Ever tried.")
    jobs = JobRepository(database, clock=clock)
    wanted = JobRequest(Path("uploads/x"), "live.wav", owner="ann", title="Live")
    history.save_once(wanted.id, live, title="Live", owner="ann", source="live")
    history.save_once(wanted.id, live, title="Live", owner="ann", source="live")
    assert history.get(wanted.id, "ann").live is None
    jobs.add(wanted, audio="uploads/x", audio_bytes=1, limits=QueueLimits(9, 9))
    jobs.finish(jobs.claim(wanted.id), better)
    stored = history.get(wanted.id, "ann")
    assert (stored.transcript, stored.live) == (better, live)
    assert stored.summary.job_id == wanted.id
    assert [entry.id for entry in history.page("ann", words="tried").summaries] == [wanted.id]
    assert history.page("ann", words="tied").summaries == ()
    assert len(history.page("ann").summaries) == 1


def order(jobs: JobRepository) -> list[str]:
    return [job.id for job in jobs.waiting().order]


def test_an_owner_orders_the_own_jobs_and_nobody_else_s(jobs: JobRepository) -> None:
    ann, bob = [add(jobs, owner="ann").id for _ in range(3)], [add(jobs, owner="bob").id for _ in range(2)]
    assert order(jobs) == [ann[0], bob[0], ann[1], bob[1], ann[2]]
    jobs.move(ann[2], "ann", ann[0])
    assert order(jobs) == [ann[2], bob[0], ann[0], bob[1], ann[1]]
    jobs.move(ann[2], "ann", None)
    assert order(jobs) == [ann[0], bob[0], ann[1], bob[1], ann[2]]
    assert jobs.waiting().own_places == {ann[0]: 1, ann[1]: 2, ann[2]: 3, bob[0]: 1, bob[1]: 2}
    for job_id, owner, before in ((bob[0], "ann", None), (ann[0], "ann", bob[0]), (ann[0], "", None)):
        with pytest.raises(NotFound):
            jobs.move(job_id, owner, before)
    jobs.cancel(ann[1])
    later = add(jobs, owner="bob").id
    assert order(jobs)[-1] == later


def test_a_job_moves_to_the_front_if_the_one_behind_it_has_started(jobs: JobRepository) -> None:
    first, second, third = (add(jobs).id for _ in range(3))
    jobs.claim(first)
    jobs.move(third, "ann", first)
    assert order(jobs) == [third, second]
    with pytest.raises(Conflict):
        jobs.move(first, "ann", None)


def test_a_job_that_waits_in_another_lane_is_as_if_it_had_not_begun(jobs: JobRepository) -> None:
    job = jobs.claim(add(jobs, priority=Priority.INTERACTIVE).id)
    jobs.change_lane(job.id, "medium", requeue=False)
    assert (jobs.get(job.id).status, jobs.get(job.id).lane) == ("running", "medium")
    jobs.change_lane(job.id, "long", requeue=True)
    waiting = jobs.get(job.id)
    assert (waiting.status, waiting.lane, waiting.attempts, waiting.started) == ("queued", "long", 0, None)
    assert [each.lane for each in jobs.claimable()] == ["long"]


def test_a_job_that_is_to_be_cancelled_is_not_put_back(jobs: JobRepository) -> None:
    job = jobs.claim(add(jobs, priority=Priority.INTERACTIVE).id)
    jobs.request_cancel(job.id)
    with pytest.raises(Conflict):
        jobs.change_lane(job.id, "long", requeue=True)
    assert jobs.get(job.id).status == "running"


def test_fairness_counts_the_jobs_that_run(jobs: JobRepository) -> None:
    ann = [add(jobs, owner="ann").id for _ in range(3)]
    jobs.claim(ann[0])
    bob = add(jobs, owner="bob").id
    assert order(jobs) == [bob, ann[1], ann[2]]


def test_precedence_counts_over_all_owners_and_a_retry_has_none(jobs: JobRepository) -> None:
    first, second, third = add(jobs, owner="ann").id, add(jobs, owner="bob").id, add(jobs, owner="eve").id
    jobs.put_first(second)
    jobs.put_first(third)
    assert order(jobs) == [third, second, first]
    jobs.cancel(third)
    with pytest.raises(Conflict):
        jobs.put_first(third)
    jobs.reopen(third, "eve", QueueLimits())
    assert order(jobs) == [second, first, third]


def test_jobs_of_a_paused_queue_are_not_claimed(jobs: JobRepository) -> None:
    paused, other = add(jobs, owner="ann").id, add(jobs, owner="bob").id
    jobs.pause("ann")
    jobs.pause("ann")
    assert order(jobs) == [other]
    assert jobs.waiting().paused == {paused}
    assert [work.job_id for work in jobs.remaining_work("base")] == [other]
    with pytest.raises(Conflict):
        jobs.claim(paused)
    jobs.resume("ann")
    assert jobs.claim(paused).status == "running"
    with pytest.raises(Conflict):  # by another thread of the same worker
        jobs.claim(paused)
