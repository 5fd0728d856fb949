"""A full disk: uploads are refused with the reason, reads work, and it recovers by itself."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.faults import Serve, decoded_windows
from tests.support.https_client import Visitor
from tests.support.live_client import client, settings_of
from tests.support.program import REAL, served, start
from tests.support.speech import packets, spoken
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

DISK_BYTES = 24 * 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB where the program keeps its data."""
    folder = tmp_path / "data"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting a small disk needs root: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, leave_bytes: int = 0) -> None:
    """Another file fills the disk."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with filler.open("ab") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, max(1, filler.stat().st_size + free - leave_bytes))
        except OSError:
            return


def test_a_full_disk_refuses_uploads_serves_reads_and_recovers(
    serve: Serve, disk: Path, tmp_path: Path
) -> None:
    with serve(MIN_FREE_DISK="1MiB", WINDOW_SECONDS="0.1") as server, client(server) as speaker:
        visitor = Visitor(server)
        early = visitor.put("said before")
        assert visitor.ended(early)["status"] == "done"
        opened = speaker.start()
        have = speaker.stream(opened, spoken(1, 3))
        (tmp_path / "hold").touch()
        caught = visitor.put("one hold two three")
        wait_until(lambda: decoded_windows(tmp_path)["one"])

        fill(disk, leave_bytes=3 * 2**20)
        broke_off = visitor.send(bytes(8 * 2**20), **{"async": "1"})
        assert (broke_off.status, broke_off.code) == (507, "disk_full")
        fill(disk)
        refused = visitor.send("more", **{"async": "1"})
        assert (refused.status, refused.code) == (507, "disk_full")
        assert "disk" in refused.json["error"]["message"]
        assert "disk_full" in wait_until(visitor.reasons)
        assert visitor.text(early) == "said before"
        (tmp_path / "hold").unlink()
        [packet] = packets(spoken(3, 4), 12_800)
        lost = speaker.call("live:audio", {"s": opened["session"], "q": have}, packet)
        assert (lost["ok"], lost["code"]) == (False, "disk_full")
        wait_until(lambda: decoded_windows(tmp_path)["hold"])
        assert visitor.job(caught)["status"] == "running", "it waits for the disk"

        (disk / "filler").unlink()
        wait_until(lambda: not visitor.reasons())
        assert visitor.ended(caught)["status"] == "done"
        assert visitor.text(caught) == "one hold two three"
        assert visitor.ended(visitor.put("said after"))["status"] == "done"
        assert speaker.stop(opened, speaker.stream(opened, spoken(3, 5), have))["text"] == "w1 w2 w3 w4"
        wait_until(lambda: not any((disk / "uploads").iterdir()))
    for name in ("appliance.sqlite", "queue.sqlite"):
        with closing(sqlite3.connect(disk / name)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("https", ["true", "false"])
def test_a_start_on_a_full_disk_ends_with_the_reason(disk: Path, tmp_path: Path, https: str) -> None:
    fill(disk)
    program = start(tmp_path, REAL, HTTPS_ENABLED=https)
    assert program.wait(60) == 1
    said = (tmp_path / "stderr").read_text()
    assert said.startswith("Error: ")
    assert "No space left on device" in said or "disk" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("chunks", [0, 1], ids=["before it is decoded", "while it is transcribed"])
def test_a_disk_that_fills_up_behind_an_upload_fails_no_job(
    disk: Path, tmp_path: Path, tiny_en: Path, nagg_and_nell: Path, chunks: int
) -> None:
    settings = settings_of(tiny_en, disk) | {"MIN_FREE_DISK": "1MiB", "WORKER_PROCESSES": "1"}
    with served(tmp_path, REAL, **settings) as server:
        visitor = Visitor(server)
        job = visitor.put(nagg_and_nell.read_bytes())
        if chunks:
            wait_until(lambda: visitor.job(job)["progress"] > 0)
        fill(disk)
        # a quick machine may have finished it, which makes room
        wait_until(lambda: "disk_full" in visitor.reasons() or visitor.job(job)["status"] == "done")
        assert visitor.job(job)["status"] != "failed"
        (disk / "filler").unlink()
        assert visitor.ended(job, 120)["error"] is None
        assert "from that ditch" in visitor.text(job).lower()
