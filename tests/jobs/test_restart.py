"""After a crash or a stop of the program, accepted jobs are done once, and few windows twice."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.databases import postgresql
from tests.support.jobs import (
    Script,
    StartQueue,
    build_queue,
    decoded_windows,
    ended,
    request,
    wait_for_window,
)
from tests.support.program import commanded, send_command
from tests.support.wait import wait_until
from whisper_appliance.core.errors import AlreadyRunning, BadSetting, NotFound, Unavailable, Undecodable
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.job_runner import MAX_ATTEMPTS
from whisper_appliance.jobs.storage import DISK_MARK, JobFolders
from whisper_appliance.library.transcripts import TranscriptRepository

pytestmark = pytest.mark.slow  # starts and kills programs

ROOT = Path(__file__).parents[2]


def killed_and_restarted(start_queue: StartQueue, data_dir: Path, url: str | None = None) -> None:
    with commanded("queue", str(data_dir), *([url] if url else [])) as process:
        jobs = {
            words: send_command(process, f"{command} {words}")
            for command, words in (
                ("now", "a1 a2 a3 a4 a5 a6"),
                ("put", "b1 b2 b3 b4 b5 b6"),
                ("put", "c1 c2"),
            )
        }
        jobs["d1"] = send_command(process, "put d1")
        wait_for_window(data_dir, "a3")
        wait_for_window(data_dir, "b2")
        process.send_signal(signal.SIGKILL)
    queue = start_queue(Script(window_log=data_dir / "windows.txt"), url=url)
    for words, id in jobs.items():
        assert ended(queue, id).status == "done"
        assert TranscriptRepository(queue.cluster.database).get(id, "ann").transcript.text == words
    counted = decoded_windows(data_dir)
    assert set(counted) == set(" ".join(jobs).split())
    for job in "abcd":  # at most the window that was interrupted is decoded twice
        assert sum(times - 1 for word, times in counted.items() if word[0] == job) <= 1
    assert len(TranscriptRepository(queue.cluster.database).page("ann").summaries) == len(jobs)
    wait_until(lambda: list((data_dir / "uploads").iterdir()) == [])


def test_jobs_killed_in_the_middle_are_finished_after_a_restart(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    killed_and_restarted(start_queue, tmp_path)


def test_a_crash_on_postgresql_loses_no_job(start_queue: StartQueue, tmp_path: Path) -> None:
    with postgresql() as url:
        killed_and_restarted(start_queue, tmp_path, url)
        start_queue(Script()).close()


def test_a_file_that_kills_the_program_fails_after_eight_starts_and_the_next_goes_on(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    with commanded("queue", str(tmp_path)) as process:
        bad = send_command(process, "now word crash")
        process.wait(60)
    for _ in range(MAX_ATTEMPTS - 1):
        with commanded("queue", str(tmp_path)) as process:
            process.wait(60)
    with commanded("queue", str(tmp_path)) as process:
        good = send_command(process, "put fine")
        wait_for_window(tmp_path, "fine")
        send_command(process, "stop")
        assert process.wait(60) == 0
    queue = start_queue(Script())
    failed = ended(queue, bad)
    assert failed.error
    assert failed.error.code == "engine_failed"
    assert failed.error.message.startswith("The program stopped 8 times in a row")
    assert ended(queue, good).status == "done"


def test_jobs_that_run_beside_a_file_that_kills_the_program_are_done(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    with commanded("queue", str(tmp_path)) as process:
        beside = [send_command(process, f"{command} slow") for command in ("now", "put", "put")]
        bad = send_command(process, "now crash")
        process.wait(60)
    for _ in range(MAX_ATTEMPTS - 1):
        with commanded("queue", str(tmp_path)) as process:
            process.wait(60)
    queue = start_queue(Script())
    assert [ended(queue, job).status for job in [*beside, bad]] == ["done", "done", "done", "failed"]


def test_a_stopped_program_leaves_its_jobs_to_the_next_start(start_queue: StartQueue, tmp_path: Path) -> None:
    with commanded("queue", str(tmp_path)) as process:
        running, waiting = send_command(process, "now " + "w " * 20 + "last"), send_command(process, "put x")
        wait_for_window(tmp_path, "w")
        send_command(process, "stop")
        assert process.wait(60) == 0
    left = build_queue(tmp_path, Script())
    job = left.get(running)
    assert (job.status, job.attempts) == ("queued", 0)
    assert job.progress > 0
    assert left.get(waiting).status in ("queued", "done")
    queue = start_queue(Script(window_log=tmp_path / "windows.txt"))
    assert ended(queue, running).status == "done"
    assert ended(queue, waiting).status == "done"
    assert decoded_windows(tmp_path)["w"] == 20


def test_a_second_program_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with commanded("queue", str(tmp_path)):
        second = subprocess.run(
            [sys.executable, "-m", "tests.support.programs.queue", str(tmp_path)],
            capture_output=True, text=True, cwd=ROOT, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert second.returncode != 0
        assert AlreadyRunning.__name__ in second.stderr


def test_a_row_that_was_committed_before_a_crash_is_started(start_queue: StartQueue, tmp_path: Path) -> None:
    left = build_queue(tmp_path, Script())
    (tmp_path / "uploads").mkdir()
    job = left._add(request(tmp_path, "one two", Priority.INTERACTIVE), claimed=False)
    assert ended(start_queue(Script()), job.id).status == "done"


@pytest.mark.parametrize("damage", [b"\0" * 8192, None])
def test_jobs_survive_the_loss_of_the_file_of_durable_calls(
    start_queue: StartQueue, tmp_path: Path, damage: bytes | None
) -> None:
    queue = start_queue(Script(window_seconds=0.2))
    job = queue.enqueue(request(tmp_path, "one two three four five six seven", Priority.INTERACTIVE))
    wait_until(lambda: queue.windows_of(job.id))
    queue.close()
    file = tmp_path / "queue.sqlite"
    for leftover in tmp_path.glob("queue.sqlite*"):
        leftover.unlink()
    if damage:
        file.write_bytes(damage)
    assert ended(start_queue(Script()), job.id).status == "done"
    assert len(list(tmp_path.glob("queue.sqlite.damaged-*"))) == (1 if damage else 0)


def test_uploads_without_a_job_are_removed(start_queue: StartQueue, tmp_path: Path) -> None:
    for folder in ("uploads", "decoded"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "half").write_bytes(b"RIFF")
    start_queue(Script())
    assert list((tmp_path / "uploads").iterdir()) == []
    assert list((tmp_path / "decoded").iterdir()) == []


def test_jobs_continue_after_the_worker_id_was_lost_or_the_folder_was_restored_elsewhere(
    start_queue: StartQueue, tmp_path: Path
) -> None:
    (tmp_path / "share").mkdir()
    queue = start_queue(Script(window_seconds=0.2), storage=tmp_path / "share")
    job = queue.enqueue(request(tmp_path / "share", "a1 a2 a3 a4 a5 a6"))
    wait_until(lambda: queue.windows_of(job.id))
    queue.close()
    (tmp_path / "executor-id").unlink()
    again = start_queue(Script(), storage=tmp_path / "share")
    assert ended(again, job.id).status == "done"


def test_a_job_waits_while_the_shared_folder_is_not_mounted(start_queue: StartQueue, tmp_path: Path) -> None:
    mounted = threading.Event()
    mounted.set()
    queue = start_queue(Script(), is_mounted=mounted.is_set)
    queue.pause("ann")
    job = queue.enqueue(request(tmp_path, "a1 a2", Priority.INTERACTIVE))
    mounted.clear()
    queue.resume("ann")
    waiting = wait_until(lambda: queue.get(job.id).waiting)
    assert "not mounted" in waiting.message
    with pytest.raises(Unavailable, match="not mounted"):
        queue.enqueue(request(tmp_path, "more", Priority.INTERACTIVE))
    mounted.set()
    assert ended(queue, job.id).status == "done"


@pytest.mark.parametrize(
    "error", [Undecodable("It can't be opened."), NotFound("It is gone."), OSError(5, "I/O")]
)
def test_a_shared_folder_that_goes_away_fails_no_job(
    start_queue: StartQueue, tmp_path: Path, error: Exception
) -> None:
    mounted = threading.Event()
    mounted.set()

    def unmount_once(word: str) -> None:
        if not (tmp_path / "unmounted").exists():
            (tmp_path / "unmounted").touch()
            mounted.clear()
            raise error

    queue = start_queue(Script(before_window=unmount_once), is_mounted=mounted.is_set)
    job = queue.enqueue(request(tmp_path, "a1 a2", Priority.INTERACTIVE))
    waiting = wait_until(lambda: queue.get(job.id).waiting)
    assert "not mounted" in waiting.message
    mounted.set()
    assert ended(queue, job.id).status == "done"


def test_recordings_are_away_while_one_of_their_folders_is(tmp_path: Path) -> None:
    folders = JobFolders(tmp_path, tmp_path)
    folders.prepare()
    for name in ("uploads", "audio"):
        assert folders.are_mounted()
        (tmp_path / name).rename(tmp_path / "away")
        assert not folders.are_mounted()
        (tmp_path / "away").rename(tmp_path / name)
    assert folders.are_mounted()


def test_a_start_without_the_disk_of_a_folder_names_it(tmp_path: Path) -> None:
    (tmp_path / "uploads").symlink_to(tmp_path / "disk/uploads")
    with pytest.raises(BadSetting, match="Mount it") as refused:
        JobFolders(tmp_path, tmp_path).prepare()
    assert "uploads" in str(refused.value)


def test_what_a_killed_server_left_of_uploads_and_downloads_is_removed(tmp_path: Path) -> None:
    folders = JobFolders(tmp_path, tmp_path)
    folders.prepare()
    uploads = tmp_path / "uploads"
    for name in ("wanted", "left"):
        (uploads / name).touch()
    for name in ("tmp1.part", "lost+found"):
        (uploads / name).mkdir()
        (uploads / name / "recording").touch()
    folders.remove_orphans(lambda: ["uploads/wanted"], young=True)
    left = {path.name for path in uploads.iterdir()} - {DISK_MARK}
    assert left == {"wanted", "lost+found"}
