"""A folder of recordings is unmounted while a job runs, and mounted again."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.faults import Serve, decoded_windows
from tests.support.file_systems import mounted
from tests.support.https_client import Visitor
from tests.support.program import IMPATIENT
from tests.support.wait import wait_until
from whisper_appliance.jobs.storage import DISK_MARK

pytestmark = pytest.mark.slow  # starts the real program


class Disk:
    """A disk that is mounted at a folder, taken away with what is on it, and mounted again."""

    def __init__(self, content: Path, folder: Path) -> None:
        self.folder = folder
        self._content = content

    def mount(self) -> None:
        """Mounts it."""
        subprocess.run(["mount", "--bind", self._content, self.folder], check=True)

    def unmount(self, *, check: bool = True) -> None:
        """Takes it away, from those too who have opened its files by name."""
        subprocess.run(["umount", "--lazy", self.folder], check=check)

    @contextmanager
    def away(self) -> Iterator[None]:
        """It is not there for a while, and nobody writes to the empty folder."""
        self.unmount()
        yield
        assert not any(self.folder.iterdir())
        self.mount()


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    """A disk for one folder of the data folder."""
    found = Disk(tmp_path / "disk", tmp_path / "data" / request.param)
    found.folder.mkdir(parents=True)
    with ExitStack() as opened:
        opened.enter_context(mounted(tmp_path / "disk"))
        found.mount()
        opened.callback(found.unmount, check=False)  # it may be away
        yield found


def check_refused(visitor: Visitor) -> None:
    """New uploads are refused, and /health has the reason."""
    refused = visitor.send("more", **{"async": "1"})
    assert (refused.status, refused.code) == (503, "unavailable")
    assert refused.headers["Retry-After"]
    assert "not mounted" in refused.json["error"]["message"]
    assert "disk" in wait_until(visitor.reasons)


def check_waits(visitor: Visitor, job: str) -> None:
    """The job waits with the reason."""
    waiting = wait_until(lambda: visitor.job(job)["waiting"])
    assert "not mounted" in waiting["message"]
    assert visitor.job(job)["status"] == "queued"


def test_a_job_waits_while_the_shared_folder_is_away_and_goes_on_once_it_is_back(
    serve: Serve, tmp_path: Path
) -> None:
    share, away = tmp_path / "share", tmp_path / "away"
    share.mkdir()
    with serve(STORAGE_URL=str(share)) as server:
        visitor = Visitor(server)
        (tmp_path / "hold").touch()
        job = visitor.put("one hold two three")
        wait_until(lambda: decoded_windows(tmp_path)["one"])

        share.rename(away)
        share.mkdir()
        check_refused(visitor)
        (tmp_path / "hold").unlink()
        check_waits(visitor, job)

        share.rmdir()  # fails if anything was written to the empty mount point
        away.rename(share)
        assert visitor.ended(job)["error"] is None
        assert visitor.text(job) == "one hold two three"
        wait_until(lambda: not visitor.reasons())
        assert not any((share / "uploads").iterdir())
    assert [decoded_windows(tmp_path)[word] for word in ("one", "hold", "two")] == [1, 1, 1]


@pytest.mark.parametrize("disk", ["uploads"], indirect=True)
def test_jobs_wait_while_the_disk_of_uploads_is_away(serve: Serve, tmp_path: Path, disk: Disk) -> None:
    with serve(QUEUE_LIMIT_PER_USER="20") as server:
        visitor = Visitor(server)
        (tmp_path / "hold").touch()
        running = [visitor.put(f"{word} hold {word}{word}") for word in "abcdefgh"]
        wait_until(lambda: all(decoded_windows(tmp_path)[word] for word in "abcdefgh"))
        queued = visitor.put("said later")

        with disk.away():
            check_refused(visitor)
            (tmp_path / "hold").unlink()
            for job in (*running, queued):
                check_waits(visitor, job)

        for job, word in zip(running, "abcdefgh", strict=True):
            assert visitor.ended(job)["error"] is None
            assert visitor.text(job) == f"{word} hold {word}{word}"
        assert visitor.ended(queued)["error"] is None
        assert visitor.text(queued) == "said later"
        wait_until(lambda: not visitor.reasons())
        assert [left.name for left in disk.folder.iterdir()] == [DISK_MARK]
    assert decoded_windows(tmp_path)["a"] == 1


@pytest.mark.parametrize("disk", ["uploads"], indirect=True)
def test_jobs_wait_for_a_disk_that_is_away_at_a_start(serve: Serve, tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "hold").touch()
    with serve() as server:
        job = Visitor(server).put("one hold two")
        wait_until(lambda: decoded_windows(tmp_path)["one"])
        server.kill()  # a clean stop would wait for the window that is held
    disk.unmount()
    with serve() as server:
        visitor = Visitor(server)
        check_refused(visitor)
        check_waits(visitor, job)
        assert not any(disk.folder.iterdir())
        (tmp_path / "hold").unlink()
        disk.mount()
        assert visitor.ended(job)["error"] is None
        assert visitor.text(job) == "one hold two"


@pytest.mark.parametrize("disk", ["audio"], indirect=True)
def test_recordings_are_kept_once_their_disk_is_back(serve: Serve, disk: Disk, nagg_and_nell: Path) -> None:
    recording = nagg_and_nell.read_bytes()
    with serve(IMPATIENT, KEEP_AUDIO="everyone", REPEAT_SECONDS="0") as server:
        visitor = Visitor(server)
        early = visitor.put(recording)
        assert visitor.ended(early)["error"] is None
        late = visitor.put(recording)
        with disk.away():
            check_refused(visitor)
            check_waits(visitor, late)
            unheard = visitor.request(f"/api/transcripts/{early}/audio")
            assert (unheard.status, unheard.code) == (503, "unavailable")
            deleting = visitor.request(f"/api/transcripts/{early}/audio", "DELETE", Origin=server.url)
            assert (deleting.status, deleting.code) == (503, "unavailable")
        assert visitor.ended(late)["error"] is None
        for job in (early, late):
            assert "from that ditch" in visitor.text(job).lower()
            heard = visitor.request(f"/api/transcripts/{job}/audio")
            assert (disk.folder / job).read_bytes() == recording
            assert heard.status == 206 or heard.body == recording
        wait_until(lambda: not visitor.reasons())
        assert not any((server.data_dir / "uploads").iterdir())
