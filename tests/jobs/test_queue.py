"""The queue runs accepted jobs in order and within limits, until they end or are cancelled."""

import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.databases import postgresql
from tests.support.jobs import Script, StartQueue, ended, request
from tests.support.wait import wait_until
from whisper_appliance.core.errors import BadSetting, Busy, NoAudio, NotFound, Unavailable
from whisper_appliance.engines.contract import Options, Priority
from whisper_appliance.jobs import cluster
from whisper_appliance.jobs.events import JobChanged, JobEvent, JobProgressed, JobStarted
from whisper_appliance.jobs.lanes import CONCURRENCY, Lane, lane_for
from whisper_appliance.jobs.limits import QueueLimits
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.jobs.repository import JobRepository
from whisper_appliance.jobs.storage import JobFolders
from whisper_appliance.jobs.workflows import check_sqlite
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.model import Tracks

pytestmark = pytest.mark.slow  # starts a queue for each test

INTERACTIVE = Priority.INTERACTIVE


def history(queue: JobQueue) -> TranscriptRepository:
    return TranscriptRepository(queue.cluster.database)


@pytest.mark.parametrize(
    ("python", "sqlite", "refused"),
    [((3, 11, 9), (3, 40, 1), False), ((3, 12, 0), (3, 40, 1), True), ((3, 13, 1), (3, 42, 0), False)],
)
def test_a_sqlite_that_is_too_old_for_the_queue_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
    python: tuple[int, ...],
    sqlite: tuple[int, ...],
    refused: bool,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "version_info", python)
        patched.setattr(sqlite3, "sqlite_version_info", sqlite)
        expected = pytest.raises(BadSetting, match=r"Python 3\.12") if refused else nullcontext()
        with expected:
            check_sqlite()


@pytest.mark.parametrize("priority", [INTERACTIVE, Priority.BATCH])
def test_a_file_becomes_a_transcript_of_its_owner(
    start_queue: StartQueue, tmp_path: Path, priority: Priority
) -> None:
    queue = start_queue(Script())
    job = queue.wait(queue.enqueue(request(tmp_path, "to be or not", priority)).id, 60)
    assert (job.status, job.progress, job.attempts, job.duration) == ("done", 1.0, 1, 80.0)
    stored = history(queue).get(job.transcript_id or "", "ann")
    assert (stored.transcript.text, stored.summary.title) == ("to be or not", "talk")
    wait_until(lambda: list((tmp_path / "uploads").iterdir()) == [])
    assert queue.windows_of(job.id) == ()


def test_the_queue_runs_on_postgresql(start_queue: StartQueue, tmp_path: Path) -> None:
    with postgresql() as url:
        queue = start_queue(Script(), url=url)
        job = queue.wait(queue.enqueue(request(tmp_path, "to be", INTERACTIVE)).id, 60)
        assert history(queue).get(job.transcript_id or "", "ann").transcript.text == "to be"
        job = queue.wait(queue.enqueue(request(tmp_path, "or not")).id, 60)
        assert job.status == "done"
        queue.close()
        queue.cluster.database.close()


def test_more_interactive_jobs_than_slots_all_end(start_queue: StartQueue, tmp_path: Path) -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()

    def meet(_word: str) -> None:
        inside.release()
        go_on.wait(60)

    queue, at_once = start_queue(Script(before_window=meet)), CONCURRENCY["interactive"]
    ids = [queue.enqueue(request(tmp_path, "clip", INTERACTIVE)).id for _ in range(at_once + 4)]
    for _ in range(at_once):
        assert inside.acquire(timeout=60)
    statuses = Counter(queue.get(id).status for id in ids)
    assert statuses == {"running": at_once, "queued": 4}
    go_on.set()
    assert {queue.wait(id, 60).status for id in ids} == {"done"}


MEDIUM, LONG = "m " * 4 + "hold", "l " * 46 + "hold"  # a word is a window of 20 s


@pytest.mark.parametrize("header", [True, False])
def test_a_clip_does_not_wait_for_any_number_of_longer_recordings(
    start_queue: StartQueue, tmp_path: Path, header: bool
) -> None:
    go_on = threading.Event()
    script = Script(before_window=lambda word: word == "hold" and go_on.wait(60))
    script.Words = Script.Words if header else WithoutHeader
    queue = start_queue(script, limits=QueueLimits(per_owner=100))
    longer = [
        queue.enqueue(request(tmp_path, words, INTERACTIVE)).id
        for words in (*[LONG] * (CONCURRENCY["long"] + 2), *[MEDIUM] * 12)
    ]
    wait_until(lambda: Counter(queue.get(id).lane for id in longer) == {"long": 4, "medium": 12})
    for _ in range(2 * CONCURRENCY["interactive"]):
        clip = queue.enqueue(request(tmp_path, "clip", INTERACTIVE)).id
        assert queue.wait(clip, 60).status == "done"
    full = {"long": CONCURRENCY["long"], "medium": CONCURRENCY["medium"]}
    wait_until(
        lambda: Counter(job.lane for id in longer if (job := queue.get(id)).status == "running") == full
    )
    go_on.set()
    assert {queue.wait(id, 60).status for id in longer} == {"done"}
    assert {queue.get(id).attempts for id in longer} == {1}


def test_the_start_of_a_job_is_announced_once_although_it_changes_its_lane(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    go_on, events = threading.Event(), list[JobEvent]()
    script = Script(before_window=lambda word: word == "hold" and go_on.wait(60))
    script.Words = WithoutHeader
    queue = start_queue(script, announce=events.append)
    count = CONCURRENCY["medium"] + 1  # one is put back, and started again
    ids = [queue.enqueue(request(tmp_path, MEDIUM, INTERACTIVE)).id for _ in range(count)]
    wait_until(lambda: {queue.get(id).lane for id in ids} == {"medium"})
    wait_until(lambda: "queued" in {queue.get(id).status for id in ids})
    go_on.set()
    assert {queue.wait(id, 30).status for id in ids} == {"done"}
    assert Counter(event.job_id for event in events if isinstance(event, JobStarted)) == Counter(ids)


def test_postponed_jobs_are_started_later_where_the_database_cannot_be_used_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "RETRY_MARGIN_SECONDS", 0.0)
    monkeypatch.setattr(cluster, "RECLAIM_RETRY_SECONDS", 0.0)
    tries, started = Counter[str](), threading.Event()

    class Unreachable(cluster.Cluster):
        def reclaim(self) -> None:
            tries["all"] += 1
            if tries["all"] < 3:
                raise Unavailable("The database cannot be used.")
            started.set()

    database = Database.in_folder(tmp_path)
    Unreachable(database, JobRepository(database), JobFolders(tmp_path, tmp_path)).retry_after(0)
    assert started.wait(60)
    assert tries["all"] == 3


class WithoutHeader(Script.Words):
    """A recording whose length is known at its end."""

    def header_seconds(self) -> None:  # type: ignore[override]
        return None


def test_a_short_recording_with_separate_channels_stays_among_short_ones(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    script = Script()
    script.Words = TwoChannels
    queue = start_queue(script)
    wanted = replace(request(tmp_path, "to be", INTERACTIVE), options=Options(channels="separate"))
    job = ended(queue, queue.enqueue(wanted).id)
    assert (job.status, job.lane) == ("done", "interactive")


class TwoChannels(Script.Words):
    """A recording of a call: a speaker a channel."""

    tracks = Tracks(1, 1, channels=2)  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("lane", "seconds", "expected"),
    [
        ("interactive", 60.0, "interactive"),
        ("interactive", 61.0, "medium"),
        ("interactive", 1000.0, "long"),
        ("medium", 901.0, "long"),
        ("long", 61.0, "long"),
        ("batch", 9e9, "batch"),
    ],
)
def test_the_lane_follows_from_the_length(lane: Lane, seconds: float, expected: Lane) -> None:
    assert lane_for(lane, seconds) == expected


def test_the_length_of_a_recording_is_known_before_its_first_window(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    known: list[float | None] = []
    queue = start_queue(Script(before_window=lambda _word: known.append(queue.get(job.id).duration)))
    job = request(tmp_path, "to be")
    queue.enqueue(job)
    queue.wait(job.id, 60)
    assert known == [40.0, 40.0]


def test_progress_and_text_can_be_read_while_a_job_runs(start_queue: StartQueue, tmp_path: Path) -> None:
    go_on = threading.Event()
    events: list[JobEvent] = []
    queue = start_queue(
        Script(before_window=lambda word: word == "be" and go_on.wait(60)), announce=events.append
    )
    job = queue.enqueue(request(tmp_path, "to be or not", INTERACTIVE))
    wait_until(lambda: queue.get(job.id).progress == 0.25)
    (window,) = queue.windows_of(job.id)
    assert window.result.segments[0].text == " to"
    assert queue.get(job.id).duration == 80
    assert queue.windows_of(job.id, after_sample=window.start_sample) == ()
    go_on.set()
    queue.wait(job.id, 60)
    assert events[0] == JobChanged(job.id)
    wait_until(lambda: events[-1] == JobChanged(job.id))  # it is announced after it is stored
    assert JobProgressed(job.id) in events


def test_waiting_for_a_job_ends_at_the_timeout(start_queue: StartQueue, tmp_path: Path) -> None:
    go_on = threading.Event()
    queue = start_queue(Script(before_window=lambda _word: go_on.wait(60)))
    job = queue.enqueue(request(tmp_path, "slow", INTERACTIVE))
    assert not queue.wait(job.id, 0.1).ended
    go_on.set()


def test_a_waiting_job_is_cancelled_at_once(start_queue: StartQueue, tmp_path: Path) -> None:
    go_on = threading.Event()
    queue = start_queue(Script(before_window=lambda _word: go_on.wait(60)))
    ids = [queue.enqueue(request(tmp_path, "word")).id for _ in range(4)]
    wait_until(lambda: queue.counts() == {"queued": 2, "running": 2})
    waiting = [id for id in ids if queue.get(id).status == "queued"]
    assert queue.waiting().positions == {waiting[0]: 1, waiting[1]: 2}
    assert queue.cancel(waiting[0]).status == "cancelled"
    assert queue.waiting().positions == {waiting[1]: 1}
    go_on.set()
    assert [queue.wait(id, 60).status for id in ids].count("done") == 3
    assert queue.get(waiting[0]).status == "cancelled"


def test_a_running_job_is_cancelled_at_its_next_window(start_queue: StartQueue, tmp_path: Path) -> None:
    queue = start_queue(Script(window_seconds=0.1))
    job = queue.enqueue(request(tmp_path, "word " * 100, INTERACTIVE))
    wait_until(lambda: len(queue.windows_of(job.id)) > 1)
    queue.cancel(job.id, "ann")
    assert queue.wait(job.id, 60).status == "cancelled"
    assert queue.windows_of(job.id) == ()
    assert history(queue).page("ann").summaries == ()


def test_a_cancel_by_another_process_stops_a_running_job(start_queue: StartQueue, tmp_path: Path) -> None:
    queue = start_queue(Script(window_seconds=0.1))
    job = queue.enqueue(request(tmp_path, "word " * 100, INTERACTIVE))
    wait_until(lambda: len(queue.windows_of(job.id)) > 1)
    JobRepository(queue.cluster.database).request_cancel(job.id)
    assert queue.wait(job.id, 60).status == "cancelled"


def test_an_ended_job_cannot_be_cancelled_any_more(start_queue: StartQueue, tmp_path: Path) -> None:
    queue = start_queue(Script())
    job = queue.wait(queue.enqueue(request(tmp_path, "word", INTERACTIVE)).id, 60)
    assert queue.cancel(job.id).status == "done"


def test_a_job_of_another_owner_is_neither_found_nor_cancelled(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    queue = start_queue(Script(window_seconds=0.3))
    job = queue.enqueue(request(tmp_path, "word", INTERACTIVE))
    for attempt in (queue.get, queue.cancel):
        with pytest.raises(NotFound):
            attempt(job.id, "bob")
    assert queue.page("bob") == ((), None)
    assert [listed.id for listed in queue.page("ann")[0]] == [job.id]
    assert queue.wait(job.id, 60).status == "done"


def test_limits_refuse_further_jobs_with_a_reason(start_queue: StartQueue, tmp_path: Path) -> None:
    go_on = threading.Event()
    queue = start_queue(Script(before_window=lambda _word: go_on.wait(60)), limits=QueueLimits(4, 2))
    for _ in range(2):
        queue.enqueue(request(tmp_path, "word"))
    wait_until(lambda: queue.counts()["running"] == 2)
    for _ in range(2):
        queue.enqueue(request(tmp_path, "word"))
    with pytest.raises(Busy) as refused:
        queue.enqueue(request(tmp_path, "word"))
    assert refused.value.retry_after_seconds
    for _ in range(2):
        queue.enqueue(request(tmp_path, "word", owner="bob"))
    with pytest.raises(Busy):
        queue.enqueue(request(tmp_path, "word", owner="eve"))
    go_on.set()


def test_a_failed_job_has_its_error(start_queue: StartQueue, tmp_path: Path) -> None:
    def fail(word: str) -> None:
        raise NoAudio("The file holds no audio.") if word == "empty" else ZeroDivisionError(word)

    queue = start_queue(Script(before_window=fail))
    expected, bug = (queue.enqueue(request(tmp_path, word, INTERACTIVE)).id for word in ("empty", "bug"))
    error = queue.wait(expected, 60).error
    assert error
    assert (error.code, error.message) == ("no_audio", "The file holds no audio.")
    error = queue.wait(bug, 60).error
    assert error
    assert error.code == "internal"
    assert "ZeroDivision" not in error.message


def test_a_job_without_its_file_fails_with_the_reason(start_queue: StartQueue, tmp_path: Path) -> None:
    go_on = threading.Event()
    queue = start_queue(Script(before_window=lambda _word: go_on.wait(60)))
    ids = [queue.enqueue(request(tmp_path, "word")).id for _ in range(3)]
    wait_until(lambda: queue.counts() == {"queued": 1, "running": 2})
    (waiting,) = (id for id in ids if queue.get(id).status == "queued")
    (tmp_path / "uploads" / waiting).unlink()
    go_on.set()
    error = queue.wait(waiting, 60).error
    assert error
    assert "no longer there" in error.message


def test_nothing_is_accepted_before_the_start_and_after_the_end(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    queue = start_queue(Script())
    queue.close()
    with pytest.raises(Unavailable):
        queue.enqueue(request(tmp_path, "word"))


def test_slow_imports_are_left_to_the_launch() -> None:
    program = (
        "import sys, whisper_appliance.jobs.queue;"
        "heavy = {'dbos', 'alembic', 'av', 'ctranslate2', 'faster_whisper', 'onnxruntime', 'opentelemetry'};"
        "sys.exit(len(heavy & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_queue_that_cannot_start_reports_a_problem_until_it_can(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    (tmp_path / "queue.sqlite").mkdir()
    queue = start_queue(Script())
    with pytest.raises(Unavailable, match="could not start"):
        queue.enqueue(request(tmp_path, "word"))
    assert queue.problem()
    (tmp_path / "queue.sqlite").rmdir()
    assert queue.wait(queue.enqueue(request(tmp_path, "word")).id, 60).status == "done"
    assert not queue.problem()


def test_waiting_jobs_start_in_the_order_that_their_owner_wants_also_after_a_restart(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    go_on, log = threading.Event(), tmp_path / "windows.txt"
    queue = start_queue(Script(before_window=lambda word: word == "busy" and go_on.wait(60), window_log=log))
    busy = [queue.enqueue(request(tmp_path, "busy")).id for _ in range(2)]
    wait_until(lambda: queue.counts()["running"] == 2)
    a, b, c, d = (queue.enqueue(request(tmp_path, word)).id for word in "abcd")
    queue.move(d, "ann", a)
    queue.move(b, "ann", None)
    assert queue.cancel(c).status == "cancelled"
    queue.pause("ann")
    go_on.set()
    assert {queue.wait(id, 60).status for id in busy} == {"done"}
    queue = start_queue(Script(window_log=log))
    assert queue.is_paused("ann")
    assert queue.wait(queue.enqueue(request(tmp_path, "bob", owner="bob")).id, 60).status == "done"
    at_once = queue.enqueue(request(tmp_path, "e", INTERACTIVE))
    assert {queue.get(id).status for id in (a, b, d, at_once.id)} == {"queued"}
    queue.resume("ann")
    assert {queue.wait(id, 60).status for id in (a, b, d, at_once.id)} == {"done"}
    assert queue.get(c).status == "cancelled"
    started = [queue.get(id).started or "" for id in (d, a, b)]
    assert started == sorted(started)


def test_a_cancelled_job_that_is_retried_runs_to_its_end(start_queue: StartQueue, tmp_path: Path) -> None:
    queue = start_queue(Script())
    queue.pause("ann")
    job = queue.enqueue(request(tmp_path, "to be"))
    assert queue.cancel(job.id).status == "cancelled"
    queue.retry(job.id)
    queue.resume("ann")
    assert queue.wait(job.id, 60).status == "done"
