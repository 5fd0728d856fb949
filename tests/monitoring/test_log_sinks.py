"""The log in memory and in a file: bounded, filtered, escaped, and never in the way of the work."""

import json
import logging
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.log_lines import written_log
from whisper_appliance.monitoring import logs
from whisper_appliance.monitoring.logs.file import NAME, LogFile, log_files, read_all
from whisper_appliance.monitoring.logs.ring import LogFilter, LogRing
from whisper_appliance.monitoring.logs.sinks import LogSinks


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The logging of the other tests."""
    with written_log():
        yield


@pytest.fixture
def book(tmp_path: Path) -> Iterator[LogSinks]:
    book = LogSinks(tmp_path / "logs", max_bytes=20_000)
    book.open()
    yield book
    book.close()


def said(ring: LogRing, wanted: LogFilter | None = None) -> list[object]:
    return [line.values["event"] for line in ring.lines(wanted)]


def test_what_is_logged_is_in_memory_and_in_the_file(book: LogSinks) -> None:
    structlog.get_logger("a").info("model loaded", model="base")
    logging.getLogger("gunicorn.error").warning("worker %s", 7)
    assert said(book.ring) == ["model loaded", "worker 7"]
    kept = [json.loads(line) for line in b"".join(read_all(book.folder)).splitlines()]
    assert [line["event"] for line in kept] == ["model loaded", "worker 7"]
    assert kept[0]["model"] == "base"


def test_file_and_folder_are_for_the_appliance_only(book: LogSinks) -> None:
    structlog.get_logger().info("started")
    assert stat.S_IMODE((book.folder / NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(book.folder.stat().st_mode) == 0o700


def test_files_stay_small_and_few(book: LogSinks) -> None:
    for number in range(600):
        structlog.get_logger().error("line", number=number, padding="x" * 200)
    files = log_files(book.folder)
    assert len(files) == 5
    assert all(file.stat().st_size <= 20_000 for file in files)
    assert json.loads(b"".join(read_all(book.folder)).splitlines()[-1])["number"] == 599


def test_memory_holds_a_bounded_number_of_bounded_lines() -> None:
    ring = LogRing(most_lines=10)
    ring.setFormatter(logs.formatter())
    logging.getLogger().addHandler(ring)
    for _ in range(50):
        structlog.get_logger().info("line", padding="x" * 100_000)
    lines = ring.lines()
    assert [line.number for line in lines] == list(range(41, 51))
    assert all(len(line.text) < 1000 for line in lines)


def test_lines_are_found_by_level_text_request_and_job(book: LogSinks) -> None:
    log = structlog.get_logger()
    log.info("one", request_id="aa")
    log.warning("two", job_id="bb")
    log.error("three", reason="Nothing is LEFT")
    assert said(book.ring, LogFilter(level="warning")) == ["two", "three"]
    assert said(book.ring, LogFilter(words="is left")) == ["three"]
    assert said(book.ring, LogFilter(id="aa")) == ["one"]
    assert said(book.ring, LogFilter(id="bb")) == ["two"]


def test_a_name_with_line_breaks_is_one_line_everywhere(book: LogSinks) -> None:
    structlog.get_logger().info("upload", name='a\n{"event": "forged"}\r\x1b[2J.mp3')
    (line,) = book.ring.lines()
    assert "\n" not in line.text
    assert len(b"".join(read_all(book.folder)).splitlines()) == 1
    assert b"\x1b" not in b"".join(read_all(book.folder))


def test_of_an_id_there_is_only_the_half_that_opens_nothing(book: LogSinks) -> None:
    id, digest = "0123456789abcdef" * 2, "0123456789abcdef" * 4
    structlog.get_logger().info("job", job_id=id, path=f"/api/jobs/{id}/events", sha256=digest)
    logging.getLogger("worker").warning("Job %s failed", id)
    first, second = (line.values for line in book.ring.lines())
    assert (first["job_id"], first["path"]) == (id[:16], f"/api/jobs/{id[:16]}/events")
    assert first["sha256"] == digest
    assert second["event"] == f"Job {id[:16]} failed"
    assert said(book.ring, LogFilter(id=id)) == ["job"]


def test_a_waiting_reader_is_woken_by_the_next_line(book: LogSinks) -> None:
    woken: list[int] = []
    waiting = threading.Thread(target=lambda: woken.append(book.ring.wait(0, 10)))
    waiting.start()
    structlog.get_logger().info("now")
    waiting.join(5)
    assert woken == [1]


def test_a_full_disk_costs_the_line_and_not_the_work(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "logs", 10_000, spare_bytes=2**62)
    file.setFormatter(logs.formatter())
    logging.getLogger().addHandler(file)
    structlog.get_logger().warning("nobody reads this")
    assert log_files(tmp_path / "logs") == []


def test_a_folder_that_cannot_be_written_costs_the_line_and_not_the_work(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    book = LogSinks(tmp_path / "logs", max_bytes=10_000)
    book.open()
    structlog.get_logger().warning("still here")
    book.close()
    assert said(book.ring) == ["still here"]


def test_a_device_that_is_full_is_tried_again_later(tmp_path: Path) -> None:
    seconds = [0.0]
    file = LogFile(tmp_path, 0, spare_bytes=0, monotonic=lambda: seconds[0])
    file.setFormatter(logs.formatter())
    logging.getLogger().addHandler(file)
    (tmp_path / NAME).symlink_to("/dev/full")
    structlog.get_logger().warning("lost")
    file.close()
    (tmp_path / NAME).unlink()
    structlog.get_logger().warning("lost too")
    seconds[0] = 6.0
    structlog.get_logger().warning("kept")
    assert [json.loads(line)["event"] for line in (tmp_path / NAME).read_text().splitlines()] == ["kept"]
