"""The program is killed, stopped and started twice: accepted jobs are done, each once."""

import resource
import signal
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.faults import Serve, decoded_windows, rows
from tests.support.https_client import BOUNDARY, Visitor, form
from tests.support.program import REAL, execute
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

HALF_AN_UPLOAD = form(bytes(4_000_000))[:2_000_000]


def test_after_kill_9_every_accepted_job_is_done_once_and_half_an_upload_is_gone(
    serve: Serve, tmp_path: Path
) -> None:
    uploads = tmp_path / "data/uploads"
    with serve(WINDOW_SECONDS="0.1") as server:
        visitor = Visitor(server)
        jobs = {words: visitor.put(words) for words in ("a1 a2 a3 a4 a5 a6 a7 a8", "b1 b2", "c1")}
        with server.connect() as half:
            head = "POST /transcribe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n"
            kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
            half.sendall((head + kind).encode() + HALF_AN_UPLOAD)
            wait_until(lambda: any(path.stat().st_size > 500_000 for path in uploads.iterdir()))
            wait_until(lambda: decoded_windows(tmp_path)["a3"])
            server.kill()
    with serve() as server:
        visitor = Visitor(server)
        for words, id in jobs.items():
            assert visitor.ended(id)["status"] == "done"
            assert visitor.text(id) == words
        wait_until(lambda: not any(uploads.iterdir()))
    counted = decoded_windows(tmp_path)
    assert set(counted) == set(" ".join(jobs).split())
    assert sum(counted.values()) - len(counted) <= 3, "at most the window that each was at is heard again"
    assert sorted(rows(tmp_path, "SELECT id FROM transcripts")) == sorted((id,) for id in jobs.values())
    assert len(rows(tmp_path, "SELECT id FROM jobs")) == 3, "the half upload became no job"


def test_a_file_that_keeps_killing_the_server_fails_and_the_next_job_runs(
    serve: Serve, tmp_path: Path
) -> None:
    """Eight kills by the file, two from outside while the next job is at work."""
    with serve(WINDOW_SECONDS="0.2") as server:
        visitor = Visitor(server)
        bad = visitor.put("fine crash never")
        wait_until(lambda: decoded_windows(tmp_path)["fine"])
        failed = wait_until(lambda: _patient(visitor, bad, "failed"), 180)
        assert failed["error"]["message"].startswith("The program stopped 8 times in a row")
        good = visitor.put("one two hold three")
        (tmp_path / "hold").touch()
        for _ in range(2):
            wait_until(lambda: _patient(visitor, good, "running") and decoded_windows(tmp_path)["two"])
            _kill_worker(server.process.pid)
        (tmp_path / "hold").unlink()
        assert wait_until(lambda: _patient(visitor, good, "done"))["error"] is None
        assert visitor.text(good) == "one two hold three"
    assert decoded_windows(tmp_path)["never"] == 0


def _patient(visitor: Visitor, id: str, status: str) -> Any:
    """The job in this state; None also while there is no response."""
    try:
        job = visitor.job(id)
    except (OSError, HTTPException):
        return None
    return job if job["status"] == status else None


def _kill_worker(pid: int) -> None:
    worker = psutil.Process(pid).children()[0]
    worker.send_signal(signal.SIGKILL)
    wait_until(lambda: not worker.is_running())


def test_sigterm_exits_cleanly_and_queued_jobs_run_after_the_next_start(serve: Serve, tmp_path: Path) -> None:
    many = "m1 m2 m3 m4 m5 m6 m7 m8 m9 m10"
    with serve(WINDOW_SECONDS="0.3") as server:
        visitor = Visitor(server)
        running = visitor.put(many)
        queued = [visitor.put(many.replace("m", f"{name}")) for name in "abcdefghijk"]
        waiting = [id for id in queued if visitor.job(id)["status"] == "queued"]
        assert len(waiting) >= 3
        wait_until(lambda: decoded_windows(tmp_path)["m3"])
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _accepts(visitor))
        assert server.process.wait(60) == 0
    assert rows(tmp_path, "SELECT DISTINCT status FROM jobs WHERE status NOT IN ('queued', 'done')") == []
    with serve() as server:
        visitor = Visitor(server)
        for id in [running, *queued]:
            assert visitor.ended(id)["status"] == "done"
        assert visitor.text(running) == many
    counted = decoded_windows(tmp_path)
    del counted["more"]  # some may have been accepted before the server stopped
    assert set(counted.values()) == {1}, "what was heard before the stop was kept"
    assert len(counted) == 120


def _accepts(visitor: Visitor) -> bool:
    try:
        return visitor.send("more", **{"async": "1"}).status == 202
    except (OSError, HTTPException):
        return False


def test_a_second_instance_is_refused_until_the_first_is_gone(serve: Serve, tmp_path: Path) -> None:
    with serve() as first:
        before = _processor_seconds()
        second = execute(tmp_path, REAL)
        assert second.wait(60) != 0
        assert _processor_seconds() - before < 5, "other than time, it is the same on a busy machine"
        said = (tmp_path / "stderr").read_text()
        assert f"{tmp_path}/data is already in use by another whisper-appliance" in said
        assert "Traceback" not in said
        assert Visitor(first).health()
        first.kill()
    with serve() as again:
        assert Visitor(again).health()


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
