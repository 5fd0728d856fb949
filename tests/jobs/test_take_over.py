"""Several workers on one PostgreSQL database: what becomes of the jobs of one that is gone."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.databases import postgresql
from tests.support.jobs import Script, build_queue, ended, heard, request, until_heard
from tests.support.program import commanded, send_command
from tests.support.wait import wait_until
from whisper_appliance.core.clock import now
from whisper_appliance.core.errors import BadSetting, Conflict, NotFound, Unavailable
from whisper_appliance.jobs import heartbeat
from whisper_appliance.jobs.events import JobEvent, JobFailed
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.jobs.workers import RECORDING_GONE, WorkerInfo
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import IDLE_IN_TRANSACTION_SECONDS
from whisper_appliance.storage.schema.jobs import jobs, workers

pytestmark = pytest.mark.slow


@dataclass
class Crew:
    """The worker of this process, and a place for another one beside it."""

    queue: JobQueue
    url: str
    folder: Path
    storage: Path | None
    told: list[JobEvent]

    @property
    def other(self) -> list[str]:
        """The arguments of the other one's program."""
        return [str(self.folder / "other"), self.url, *([str(self.storage)] if self.storage else [])]

    def heard(self) -> Counter[str]:
        """How often each window was heard, by both."""
        return heard(self.folder / "other") + heard(self.folder / "own")

    def seen(self) -> WorkerInfo:
        """The other one, as the database knows it."""
        (other,) = (worker for worker in self.queue.workers() if worker.id != self.queue.worker_id)
        return other

    def wait_a_minute(self) -> WorkerInfo:
        """As if a minute had passed for the other one, without a word of it."""
        long_ago = sa.func.now() - sa.text("interval '2 minutes'")
        with self.queue._database.write() as connection:
            connection.execute(
                workers.update().where(workers.c.id == self.seen().id).values(last_seen=long_ago)
            )
        assert self.seen().is_stale
        return self.seen()

    def take_over_patiently(self, id: str) -> None:
        """Tries again where the other one fell asleep within a transaction, until the database ends that."""
        deadline = time.monotonic() + 2 * IDLE_IN_TRANSACTION_SECONDS
        while True:
            try:
                self.queue.take_over(id, allow_loss=False)
            except Unavailable:
                assert time.monotonic() < deadline
            else:
                return

    def text_of(self, id: str) -> str:
        return TranscriptRepository(self.queue._database).get(id, "ann").transcript.text


@pytest.fixture(params=[True])
def started(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Crew]:
    """A worker that shares its folder of recordings, unless a test asks for one that does not."""
    for name in ("own", "other", "storage"):
        (tmp_path / name).mkdir()
    storage = tmp_path / "storage" if request.param else None
    told: list[JobEvent] = []
    with postgresql() as url:
        script = Script(heard=tmp_path / "own" / "heard.txt")
        queue = build_queue(tmp_path / "own", script, url=url, storage=storage, announce=told.append)
        crew = Crew(queue, url, tmp_path, storage, told)
        queue.launch()
        try:
            yield crew
        finally:
            heartbeat.queue.close()
            heartbeat.queue._database.close()


def busy(crew: Crew, process: subprocess.Popen[str]) -> dict[str, str]:
    """The other one is at two jobs; by their words."""
    jobs = {
        words: send_command(process, f"now {words}") for words in ("a1 a2 a3 a4 a5 a6", "b1 b2 b3 b4 b5 b6")
    }
    for word in ("a2", "b2"):
        until_heard(heartbeat.folder / "other", word)
    return jobs


def once_each(crew: Crew, jobs: dict[str, str]) -> None:
    """All were transcribed, and at most the window that was interrupted was heard again."""
    for words, id in jobs.items():
        assert ended(heartbeat.queue, id).status == "done"
        assert heartbeat.text_of(id) == words
    assert set(heartbeat.heard()) == set(" ".join(jobs).split())
    for job in "ab":
        assert sum(times - 1 for word, times in heartbeat.heard().items() if word[0] == job) <= 1


def test_the_jobs_of_a_dead_worker_go_on_elsewhere_and_it_comes_back_to_none(started: Crew) -> None:
    with commanded("queue", *started.other) as process:
        jobs = busy(started, process)
        with pytest.raises(Conflict, match="alive"):
            started.queue.take_over(started.seen().id, allow_loss=True)
        process.kill()
        process.wait()
    dead = started.wait_a_minute()
    assert (dead.running, dead.waiting) == (2, 0)
    assert started.queue.shares_storage(dead)
    taken = started.queue.take_over(dead.id, allow_loss=False)
    assert (set(taken.freed), taken.failed) == (set(jobs.values()), ())
    with pytest.raises(NotFound):
        started.queue.take_over(dead.id, allow_loss=False)
    once_each(started, jobs)
    before = started.heard()
    with commanded("queue", *started.other) as process:
        own = send_command(process, "now c1")
        assert ended(started.queue, own).status == "done"
        assert not started.seen().is_stale
        send_command(process, "stop")
        assert process.wait(20) == 0
    assert started.heard() == before + Counter(["c1"])
    assert [worker.id for worker in started.queue.workers()] == [started.queue.worker_id]


def test_a_worker_that_was_only_asleep_writes_nothing_of_what_was_taken_over(started: Crew) -> None:
    with commanded("queue", *started.other) as process:
        jobs = busy(started, process)
        process.send_signal(signal.SIGSTOP)
        started.take_over_patiently(started.wait_a_minute().id)
        process.send_signal(signal.SIGCONT)
        once_each(started, jobs)
        own = send_command(process, "put c1")
        assert ended(started.queue, own).status == "done"
        deadline = time.monotonic() + 2 * heartbeat.HEARTBEAT_INTERVAL_SECONDS
        while len(started.queue.workers()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        send_command(process, "stop")
        assert process.wait(20) == 0


def test_waiting_jobs_are_done_by_whoever_has_room_and_the_recordings(started: Crew) -> None:
    with commanded("queue", *started.other) as process:
        words = [f"{name}1 {name}2 {name}3 {name}4" for name in "abcdef"]
        jobs = {each: send_command(process, f"put {each}") for each in words}
        for each, id in jobs.items():
            assert ended(started.queue, id).status == "done"
            assert started.text_of(id) == each
    assert all(times == 1 for times in started.heard().values())
    assert heard(started.folder / "own")
    assert heard(started.folder / "other")


def test_what_waited_for_one_that_has_stopped_in_good_order_is_done_by_the_others(started: Crew) -> None:
    with commanded("queue", *started.other) as process:
        words = [f"{name}1 {name}2 {name}3 {name}4" for name in "abcdefgh"]
        jobs = {each: send_command(process, f"put {each}") for each in words}
        # Both take from the same line: which jobs are whose is chance.
        wait_until(lambda: any(word.endswith("2") for word in heard(started.folder / "other")), 20)
        send_command(process, "stop")
        assert process.wait(20) == 0
    dead = [worker for worker in started.queue.workers() if worker.id != started.queue.worker_id]
    if dead:  # it left jobs that it had begun
        started.queue.take_over(started.wait_a_minute().id, allow_loss=False)
    started.queue._look()
    for each, id in jobs.items():
        assert ended(started.queue, id).status == "done"
        assert started.text_of(id) == each


def test_the_heart_beats_on_whatever_a_look_around_raises(
    started: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_INTERVAL_SECONDS", 0.1)
    looks: list[str] = []

    def look() -> None:
        looks.append("looked")
        raise ZeroDivisionError

    (started.folder / "third").mkdir()
    third = heartbeat.WorkerHeartbeat(
        started.queue._database, started.folder / "third", started.folder, now, look
    )
    third.start()
    deadline = time.monotonic() + 10
    while len(looks) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    third.close()
    assert len(started.queue.workers()) == 1


@pytest.mark.parametrize("started", [False], indirect=True)
def test_without_a_shared_folder_the_jobs_fail_and_say_why_if_that_was_agreed_to(started: Crew) -> None:
    with commanded("queue", *started.other) as process:
        jobs = busy(started, process)
        process.kill()
        process.wait()
    dead = started.wait_a_minute()
    assert not started.queue.shares_storage(dead)
    with pytest.raises(Conflict, match="2 of its jobs lie on that machine alone"):
        started.queue.take_over(dead.id, allow_loss=False)
    assert started.seen().id == dead.id
    taken = started.queue.take_over(dead.id, allow_loss=True)
    assert (taken.freed, set(taken.failed)) == ((), set(jobs.values()))
    for id in jobs.values():
        job = started.queue.get(id)
        assert job.status == "failed"
        assert job.error
        assert job.error.message == RECORDING_GONE
    assert [event.job_id for event in started.told if isinstance(event, JobFailed)] == list(taken.failed)
    with commanded("queue", *started.other) as process:
        assert ended(started.queue, send_command(process, "now c1")).status == "done"
    assert not any(word[0] in "ab" and times > 1 for word, times in started.heard().items())


@pytest.mark.parametrize("started", [False], indirect=True)
def test_jobs_of_before_there_were_workers_are_found_by_their_recordings(started: Crew) -> None:
    queue, own = started.queue, started.folder / "own"
    queue.close()
    queue._database.close()
    request(own, "kept")
    (upload,) = (own / "uploads").iterdir()
    script = Script(heard=own / "heard.txt")
    again = build_queue(own, script, url=started.url)
    for name in (upload.name, "elsewhere"):
        with again._database.write() as connection:
            row = {"id": name, "owner": "ann", "status": "running", "priority": 2, "progress": 0.0}
            row |= {"title": "talk", "filename": "talk.wav", "source": "upload", "options": "{}"}
            row |= {"audio": f"uploads/{name}", "audio_bytes": 4, "attempts": 1, "cancel_requested": False}
            connection.execute(jobs.insert().values(created="2026-01-01T00:00:00Z", **row))
    again.launch()
    started.queue = again
    assert ended(again, upload.name).status == "done"
    assert again.get("elsewhere").status == "running"


def test_a_shared_folder_that_is_not_there_is_no_place_to_start(tmp_path: Path) -> None:
    with postgresql() as url:
        queue = build_queue(tmp_path, Script(), url=url, storage=tmp_path / "not mounted")
        with pytest.raises(BadSetting, match=r"STORAGE_URL.*Mount it"):
            queue.launch()
        queue.close()
        queue._database.close()
