"""A full disk: uploads are refused with the reason, reads work, and it recovers by itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.faults import Serve, decoded_windows
from tests.support.file_systems import fill, full, mounted
from tests.support.https_client import Visitor
from tests.support.live_client import client, settings_of
from tests.support.program import IMPATIENT, REAL, Server, served, start
from tests.support.speech import packets, spoken
from tests.support.wait import wait_until
from whisper_appliance.jobs.storage import DISK_MARK

pytestmark = pytest.mark.slow  # starts the real program

FOLDERS = ("uploads", "decoded", "audio", "backups")
LESS_THAN_DECODED_BYTES = 200_000
LESS_THAN_A_RECORDING_BYTES = 200_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk where the program keeps its data."""
    with mounted(tmp_path / "data"):
        yield tmp_path / "data"


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Server]:
    """The program, whose database and each of whose folders has a small disk of its own."""
    folder = tmp_path_factory.mktemp("disks")
    settings = settings_of(tiny_en, folder) | {"REQUESTS_PER_MINUTE": "100000", "REPEAT_SECONDS": "0"}
    settings |= {"KEEP_AUDIO": "everyone"}
    with ExitStack() as opened:
        for name in ("", *FOLDERS):
            opened.enter_context(mounted(folder / "data" / name))
        yield opened.enter_context(served(folder, IMPATIENT, **settings))


def no_upload_is_left(server: Server) -> bool:
    """Whether the disk of uploads has its mark only."""
    return [path.name for path in (server.data_dir / "uploads").iterdir()] == [DISK_MARK]


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


@pytest.mark.parametrize(
    ("folder", "leave_bytes"),
    [("decoded", 0), ("decoded", LESS_THAN_DECODED_BYTES), ("audio", 0)],
    ids=["before it is decoded", "while it is decoded", "after it is decoded"],
)
def test_a_job_waits_for_space_in_the_folder_that_it_needs(
    disks: Server, nagg_and_nell: Path, folder: str, leave_bytes: int
) -> None:
    visitor = Visitor(disks)
    with full(disks.data_dir / folder, leave_bytes):
        job = visitor.put(nagg_and_nell.read_bytes() + folder.encode() + bytes(leave_bytes // 100))
        waiting = wait_until(lambda: visitor.job(job)["waiting"])
        assert waiting["code"] == "disk_full"
        assert visitor.job(job)["status"] == "queued"
    assert visitor.ended(job)["error"] is None
    assert "from that ditch" in visitor.text(job).lower()


def test_a_recording_moves_to_the_disk_of_kept_recordings_once_there_is_space(
    disks: Server, nagg_and_nell: Path
) -> None:
    visitor = Visitor(disks)
    recording = nagg_and_nell.read_bytes() + bytes(3)
    audio, uploads = disks.data_dir / "audio", disks.data_dir / "uploads"
    with full(audio, LESS_THAN_A_RECORDING_BYTES):  # enough for its peaks
        job = visitor.put(recording)
        waiting = wait_until(lambda: visitor.job(job)["waiting"])
        assert waiting["code"] == "disk_full"
        assert not (audio / job).exists()
        assert any(path.read_bytes() == recording for path in uploads.iterdir())
    assert visitor.ended(job)["error"] is None
    assert (audio / job).read_bytes() == recording
    assert not any(path.suffix == ".part" for path in audio.iterdir())
    wait_until(lambda: no_upload_is_left(disks))


def test_a_job_waits_for_space_for_its_result(disks: Server, nagg_and_nell: Path) -> None:
    visitor = Visitor(disks)
    job = visitor.put(nagg_and_nell.read_bytes() + bytes(2))
    with full(disks.data_dir):
        wait_until(lambda: "A job waits for the database" in disks.log.read_text())
        assert visitor.job(job)["status"] == "running"
    assert visitor.ended(job)["error"] is None
    assert "from that ditch" in visitor.text(job).lower()


@pytest.mark.parametrize("folder", ["uploads", "backups"])
def test_a_job_that_is_accepted_needs_no_space_in_other_folders(
    disks: Server, nagg_and_nell: Path, folder: str
) -> None:
    visitor = Visitor(disks)
    job = visitor.put(nagg_and_nell.read_bytes() + folder.encode())
    with full(disks.data_dir / folder):
        assert visitor.ended(job)["error"] is None
        if folder == "uploads":
            refused = visitor.send(bytes(8 * 2**20), **{"async": "1"})
            assert (refused.status, refused.code) == (507, "disk_full")
    assert "from that ditch" in visitor.text(job).lower()
    wait_until(lambda: no_upload_is_left(disks))
