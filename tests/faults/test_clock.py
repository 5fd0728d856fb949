"""The system clock jumps: two hours back, a year ahead, and back again."""

import mmap
import queue
import shutil
import ssl
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.support.faults import Serve, decoded_windows
from tests.support.file_systems import full, mounted
from tests.support.https_client import Visitor
from tests.support.live_client import Payload
from tests.support.program import IMPATIENT
from tests.support.speech import packets, silence, spoken
from tests.support.wait import wait_until
from whisper_appliance.client.live_client import LiveClient
from whisper_appliance.client.socketio_client import SocketIOClient

pytestmark = pytest.mark.slow  # starts the real program

HOUR = 3600
YEAR = 370 * 24 * HOUR
"""And some days, so that the certificate is about to expire."""
SOURCE = Path(__file__).with_name("shifted_clock.c")


class SystemClock:
    """The clock of the program under test."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            pytest.skip("moving the clock needs a C compiler: apt-get install gcc libc6-dev")
        shim, moved = folder / "clock.so", folder / "moved"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, SOURCE, "-ldl"], check=True)
        moved.write_bytes(bytes(8))
        self._file = moved.open("r+b")
        self._seconds = mmap.mmap(self._file.fileno(), 8)
        self.variables = {"LD_PRELOAD": str(shim), "CLOCK_MOVED": str(moved)}

    def move(self, seconds: int) -> None:
        """Sets the offset from the real time."""
        self._seconds[:] = struct.pack("=q", seconds)

    def close(self) -> None:
        """Sets the offset to zero."""
        self._seconds.close()
        self._file.close()


@pytest.fixture
def wall(tmp_path: Path) -> Iterator[SystemClock]:
    wall = SystemClock(tmp_path)
    yield wall
    wall.close()


class Microphone:
    """Sends the given words, and silence in between."""

    def __init__(self) -> None:
        self._words: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def speak(self, pcm: bytes) -> None:
        for packet in packets(pcm, 12_800):
            self._words.put(packet)

    def stop(self) -> None:
        self._words.put(None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._words.get, None)


def test_nothing_breaks_when_the_clock_jumps(serve: Serve, wall: SystemClock, tmp_path: Path) -> None:
    events: list[tuple[str, Payload]] = []
    anything = ssl._create_unverified_context()  # the certificate is renewed to a date a year ahead
    microphone = Microphone()
    with serve(**wall.variables, WINDOW_SECONDS="0.02") as server, ThreadPoolExecutor(2) as threads:
        visitor = Visitor(server, anything, cookie=True)
        url = f"https://localhost:{server.port}"
        speaker = LiveClient(
            lambda handlers: SocketIOClient(url, handlers, anything),
            {"v": 1},
            lambda *event: events.append(event),
        )
        end = threads.submit(speaker.stream, microphone)
        microphone.speak(spoken(1, 4) + silence(1))
        (tmp_path / "hold").touch()
        jobs = [visitor.put("begins hold before")]
        wait_until(lambda: decoded_windows(tmp_path)["begins"])
        waiting = threads.submit(visitor.send, "hold and is waited for")
        for number, jump in enumerate((-2 * HOUR, YEAR, 0), 1):
            wall.move(jump)
            jobs.append(visitor.put(f"after the jump {number}"))
            job = visitor.ended(jobs[-1])
            assert job["status"] == "done"
            check_clock(visitor, job, jump)
            microphone.speak(spoken(4 * number, 4 * number + 4) + silence(1))
            wait_until(partial(has_word, events, f"w{4 * number + 3}"))
            assert not waiting.done(), "who waits is not sent away by a clock"
        (tmp_path / "hold").unlink()
        assert waiting.result(20).json["text"] == "hold and is waited for"
        assert visitor.ended(jobs[0])["status"] == "done"
        microphone.stop()
        assert end.result(30)["text"].split() == [f"w{number}" for number in range(1, 16)]
        listed = [job["id"] for job in visitor.request("/api/jobs").json["jobs"]]
        assert [id for id in listed if id in jobs] == jobs[::-1], "in the order they came"
        transcripts = visitor.request("/api/transcripts?limit=50").json["transcripts"]
        assert {each["id"] for each in transcripts} > set(jobs), "the browser is known as before"
        assert visitor.health()["status"] == "ok"
        assert server.stop() == 0


def test_a_job_that_waits_goes_on_when_the_clock_jumps(
    serve: Serve, wall: SystemClock, tmp_path: Path, nagg_and_nell: Path
) -> None:
    decoded = tmp_path / "data/decoded"
    decoded.mkdir(parents=True)
    anything = ssl._create_unverified_context()
    with mounted(decoded), serve(IMPATIENT, **wall.variables) as server:
        visitor = Visitor(server, anything)
        for before, after in ((0, -2 * HOUR), (YEAR, 0)):
            wall.move(before)
            with full(decoded):
                job = visitor.put(nagg_and_nell.read_bytes() + bytes(1 + before // YEAR))
                assert wait_until(partial(waits, visitor, job))["code"] == "disk_full"
                wall.move(after)
            assert visitor.ended(job)["error"] is None


def waits(visitor: Visitor, job: str) -> Payload | None:
    """Why it waits."""
    waiting: Payload | None = visitor.job(job)["waiting"]
    return waiting


def check_clock(visitor: Visitor, job: Payload, jump: int) -> None:
    """The program uses the moved clock and renews its certificate by it."""
    now = datetime.now(UTC) + timedelta(seconds=jump)
    assert abs(datetime.fromisoformat(job["created"]) - now) < timedelta(minutes=5)
    wait_until(lambda: expiry_of(visitor) > now + timedelta(days=30))


def expiry_of(visitor: Visitor) -> datetime:
    """The expiry of the certificate."""
    return datetime.fromisoformat(visitor.request("/api/status").json["certificate"]["not_after"])


def has_word(events: list[tuple[str, Payload]], word: str) -> bool:
    """Whether the word is committed."""
    return word in committed_words(events)


def committed_words(events: list[tuple[str, Payload]]) -> list[str]:
    """The committed words."""
    return "".join(str(payload["text"]) for kind, payload in list(events) if kind == "commit").split()
