"""Several workers on one PostgreSQL database: take-over of the jobs of a stale worker."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.databases import postgresql, ready
from tests.support.forked import ForkedProgram
from tests.support.jobs import Script, build_queue, decoded_windows, ended, request, wait_for_window
from tests.support.program import commanded, send_command
from tests.support.wait import wait_until
from whisper_appliance.core.errors import BadSetting, Conflict, NotFound, Unavailable
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs import cluster, heartbeat
from whisper_appliance.jobs.events import JobEvent, JobFailed
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.workers import RECORDING_GONE, WorkerInfo
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import IDLE_IN_TRANSACTION_SECONDS, Database
from whisper_appliance.storage.schema.jobs import jobs, workers

pytestmark = pytest.mark.slow


@dataclass
class TwoWorkers:
    """The worker of this process, and the folders of another one."""

    queue: JobQueue
    url: str
    folder: Path
    storage: Path | None
    events: list[JobEvent]

    @property
    def other(self) -> list[str]:
        """The arguments of the other worker's program."""
        return [str(self.folder / "other"), self.url, *([str(self.storage)] if self.storage else [])]

    def decoded(self) -> Counter[str]:
        """How often each window was decoded, by both workers."""
        return decoded_windows(self.folder / "other") + decoded_windows(self.folder / "own")

    def other_worker(self) -> WorkerInfo:
        """The row of the other worker."""
        (other,) = (
            worker for worker in self.queue.cluster.workers() if worker.id != self.queue.cluster.worker_id
        )
        return other

    def expire_heartbeat(self) -> WorkerInfo:
        """Makes the last heartbeat of the other worker two minutes old."""
        long_ago = sa.func.now() - sa.text("interval '2 minutes'")
        with self.queue.cluster.database.write() as connection:
            connection.execute(
                workers.update().where(workers.c.id == self.other_worker().id).values(last_seen=long_ago)
            )
        assert self.other_worker().is_stale
        return self.other_worker()

    def take_over_once_possible(self, worker_id: str) -> None:
        """Retries while the stopped worker holds a transaction, until the database ends it."""
        deadline = time.monotonic() + 2 * IDLE_IN_TRANSACTION_SECONDS
        while True:
            try:
                self.queue.cluster.take_over(worker_id, allow_loss=False)
            except Unavailable:
                assert time.monotonic() < deadline
            else:
                return

    def restart(self, window_seconds: float) -> JobQueue:
        """The worker of this process, closed and started again; its windows take so long."""
        self.queue.close()
        self.queue.cluster.database.close()
        script = Script(window_seconds, self.folder / "own" / "windows.txt")
        self.queue = build_queue(self.folder / "own", script, url=self.url, storage=self.storage)
        self.queue.launch()
        return self.queue

    def text_of(self, job_id: str) -> str:
        return TranscriptRepository(self.queue.cluster.database).get(job_id, "ann").transcript.text


@pytest.fixture(params=[True])
def started(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TwoWorkers]:
    """A worker that shares its folder of recordings, unless the parameter is False."""
    for name in ("own", "other", "storage"):
        (tmp_path / name).mkdir()
    storage = tmp_path / "storage" if request.param else None
    events: list[JobEvent] = []
    with postgresql() as url:
        script = Script(window_log=tmp_path / "own" / "windows.txt")
        queue = build_queue(tmp_path / "own", script, url=url, storage=storage, announce=events.append)
        two = TwoWorkers(queue, url, tmp_path, storage, events)
        queue.launch()
        try:
            yield two
        finally:
            two.queue.close()
            two.queue.cluster.database.close()


def busy(cluster: TwoWorkers, process: ForkedProgram) -> dict[str, str]:
    """Makes the other worker run two jobs; returns their ids by their words."""
    jobs = {
        words: send_command(process, f"now {words}") for words in ("a1 a2 a3 a4 a5 a6", "b1 b2 b3 b4 b5 b6")
    }
    for word in ("a2", "b2"):
        wait_for_window(cluster.folder / "other", word)
    return jobs


def assert_transcribed_once(cluster: TwoWorkers, jobs: dict[str, str]) -> None:
    """All jobs are done, and at most the interrupted window of each was decoded twice."""
    for words, job_id in jobs.items():
        assert ended(cluster.queue, job_id).status == "done"
        assert cluster.text_of(job_id) == words
    assert set(cluster.decoded()) == set(" ".join(jobs).split())
    for job in "ab":
        assert sum(times - 1 for word, times in cluster.decoded().items() if word[0] == job) <= 1


def test_the_next_heartbeats_take_over_the_jobs_of_a_worker_that_died(started: TwoWorkers) -> None:
    with commanded("queue", *started.other) as process:
        jobs = busy(started, process)
        started.queue.cluster.reclaim()
        assert started.other_worker().running == 2, "it is alive"
        process.kill()
        process.wait()
    dead = started.expire_heartbeat()
    started.queue.cluster.reclaim()
    assert_transcribed_once(started, jobs)
    assert dead.id not in {worker.id for worker in started.queue.cluster.workers()}


def test_the_work_of_a_worker_that_died_is_done_by_another_one_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STALE_AFTER", "4")
    first, second, storage = (tmp_path / name for name in ("first", "second", "storage"))
    for folder in (first, second, storage):
        folder.mkdir()
    with postgresql() as url, ready(url) as database:
        with (
            commanded("queue", str(first), url, str(storage)) as dying,
            commanded("queue", str(second), url, str(storage)) as living,
        ):
            job = send_command(dying, "now a1 a2 a3 a4 a5 a6")
            wait_for_window(first, "a2")
            dying.kill()
            dying.wait()
            wait_until(lambda: JobRepository(database).get(job).ended)
            send_command(living, "stop")
            assert living.wait(60) == 0
        assert JobRepository(database).get(job).status == "done"
        assert TranscriptRepository(database).get(job, "ann").transcript.text == "a1 a2 a3 a4 a5 a6"
    decoded = decoded_windows(first) + decoded_windows(second)
    assert sum(times - 1 for times in decoded.values()) <= 1, "that which was interrupted"
    assert decoded_windows(second)["a6"] == 1


def test_a_worker_that_cannot_write_its_heartbeat_begins_no_window(
    started: TwoWorkers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cluster, "CUT_OFF_SECONDS", 0.5)
    monkeypatch.setattr(heartbeat, "HEARTBEAT_INTERVAL_SECONDS", 0.05)
    queue, database = started.restart(window_seconds=0.1), Database(started.url)
    job = queue.enqueue(request(started.storage or started.folder, "word " * 40, Priority.INTERACTIVE))
    with database.write() as connection:
        connection.execute(sa.text("LOCK TABLE workers IN ACCESS EXCLUSIVE MODE"))
        wait_until(lambda: "cannot write its heartbeat" in caplog.text)
        assert not queue.get(job.id).ended
    database.close()
    assert ended(queue, job.id).status == "done"
    assert decoded_windows(started.folder / "own") == {"word": 40}


def test_jobs_of_a_worker_that_died_before_it_registered_again_are_taken_over(started: TwoWorkers) -> None:
    with commanded("queue", *started.other) as process:
        jobs = busy(started, process)
        other = started.other_worker()
        process.kill()
        process.wait()
    with started.queue.cluster.database.write() as connection:
        connection.execute(workers.delete().where(workers.c.id == other.id))
    started.queue.cluster.reclaim()
    assert (started.other_worker().id, started.other_worker().running) == (other.id, 2)
    started.expire_heartbeat()
    started.queue.cluster.reclaim()
    assert_transcribed_once(started, jobs)


def test_the_jobs_of_a_stale_worker_continue_elsewhere_and_stay_there_when_it_is_back(
    started: TwoWorkers,
) -> None:
    with commanded("queue", *started.other) as process:
        jobs = busy(started, process)
        with pytest.raises(Conflict, match="alive"):
            started.queue.cluster.take_over(started.other_worker().id, allow_loss=True)
        process.kill()
        process.wait()
    dead = started.expire_heartbeat()
    assert (dead.running, dead.waiting) == (2, 0)
    assert started.queue.cluster.shares_storage(dead)
    taken = started.queue.cluster.take_over(dead.id, allow_loss=False)
    assert (set(taken.freed), taken.failed) == (set(jobs.values()), ())
    with pytest.raises(NotFound):
        started.queue.cluster.take_over(dead.id, allow_loss=False)
    assert_transcribed_once(started, jobs)
    before = started.decoded()
    with commanded("queue", *started.other) as process:
        own = send_command(process, "now c1")
        assert ended(started.queue, own).status == "done"
        assert not started.other_worker().is_stale
        send_command(process, "stop")
        assert process.wait(60) == 0
    assert started.decoded() == before + Counter(["c1"])
    assert [worker.id for worker in started.queue.cluster.workers()] == [started.queue.cluster.worker_id]


def test_a_worker_that_was_suspended_writes_nothing_of_jobs_that_were_taken_over(started: TwoWorkers) -> None:
    with commanded("queue", *started.other) as process:
        jobs = busy(started, process)
        process.send_signal(signal.SIGSTOP)
        started.take_over_once_possible(started.expire_heartbeat().id)
        process.send_signal(signal.SIGCONT)
        assert_transcribed_once(started, jobs)
        own = send_command(process, "put c1")
        assert ended(started.queue, own).status == "done"
        wait_until(lambda: len(started.queue.cluster.workers()) == 2)
        send_command(process, "stop")
        assert process.wait(60) == 0


def test_queued_jobs_run_on_any_worker_with_capacity_and_the_recordings(started: TwoWorkers) -> None:
    with commanded("queue", *started.other) as process:
        words = [f"{name}1 {name}2 {name}3 {name}4" for name in "abcdef"]
        jobs = {each: send_command(process, f"put {each}") for each in words}
        for each, id in jobs.items():
            assert ended(started.queue, id).status == "done"
            assert started.text_of(id) == each
    assert all(times == 1 for times in started.decoded().values())
    assert decoded_windows(started.folder / "own")
    assert decoded_windows(started.folder / "other")


def test_jobs_queued_on_a_worker_that_stopped_run_on_the_others(started: TwoWorkers) -> None:
    with commanded("queue", *started.other) as process:
        words = [f"{name}1 {name}2 {name}3 {name}4" for name in "abcdefgh"]
        jobs = {each: send_command(process, f"put {each}") for each in words}
        # Both take jobs from the same queue, so it is chance which worker gets which job.
        wait_until(lambda: any(word.endswith("2") for word in decoded_windows(started.folder / "other")))
        send_command(process, "stop")
        assert process.wait(60) == 0
    dead = [
        worker for worker in started.queue.cluster.workers() if worker.id != started.queue.cluster.worker_id
    ]
    if dead:  # it left jobs that it had claimed
        started.queue.cluster.take_over(started.expire_heartbeat().id, allow_loss=False)
    started.queue.cluster.reclaim()
    for each, id in jobs.items():
        assert ended(started.queue, id).status == "done"
        assert started.text_of(id) == each


@pytest.mark.parametrize("started", [False], indirect=True)
def test_without_a_shared_folder_the_jobs_fail_with_a_reason_if_loss_is_allowed(started: TwoWorkers) -> None:
    with commanded("queue", *started.other) as process:
        jobs = busy(started, process)
        process.kill()
        process.wait()
    dead = started.expire_heartbeat()
    assert not started.queue.cluster.shares_storage(dead)
    with pytest.raises(Conflict, match="2 of its jobs are on that machine only"):
        started.queue.cluster.take_over(dead.id, allow_loss=False)
    assert started.other_worker().id == dead.id
    announced: list[str] = []
    started.queue._repository.on_ended = lambda _connection, job: announced.append(job["id"])
    taken = started.queue.cluster.take_over(dead.id, allow_loss=True)
    assert sorted(announced) == sorted(jobs.values()), "webhooks get them"
    assert (taken.freed, set(taken.failed)) == ((), set(jobs.values()))
    for id in jobs.values():
        job = started.queue.get(id)
        assert job.status == "failed"
        assert job.error
        assert job.error.message == RECORDING_GONE
    assert [event.job_id for event in started.events if isinstance(event, JobFailed)] == list(taken.failed)
    with commanded("queue", *started.other) as process:
        assert ended(started.queue, send_command(process, "now c1")).status == "done"
    assert not any(word[0] in "ab" and times > 1 for word, times in started.decoded().items())


@pytest.mark.parametrize("started", [False], indirect=True)
def test_jobs_from_before_there_were_workers_are_adopted_by_their_recordings(started: TwoWorkers) -> None:
    queue, own = started.queue, started.folder / "own"
    queue.close()
    queue.cluster.database.close()
    request(own, "kept")
    (upload,) = (own / "uploads").iterdir()
    script = Script(window_log=own / "windows.txt")
    again = build_queue(own, script, url=started.url)
    for name in (upload.name, "elsewhere"):
        with again.cluster.database.write() as connection:
            row = {"id": name, "owner": "ann", "status": "running", "priority": 2, "progress": 0.0}
            row |= {"title": "talk", "filename": "talk.wav", "source": "upload", "options": "{}"}
            row |= {"audio": f"uploads/{name}", "audio_bytes": 4, "attempts": 1, "cancel_requested": False}
            connection.execute(jobs.insert().values(created="2026-01-01T00:00:00Z", **row))
    again.launch()
    started.queue = again
    assert ended(again, upload.name).status == "done"
    assert again.get("elsewhere").status == "running"


def test_the_queue_does_not_start_without_its_shared_folder(tmp_path: Path) -> None:
    with postgresql() as url:
        queue = build_queue(tmp_path, Script(), url=url, storage=tmp_path / "not mounted")
        with pytest.raises(BadSetting, match=r"STORAGE_URL.*Mount it"):
            queue.launch()
        queue.close()
        queue.cluster.database.close()
