"""One client that causes the same line again and again does not drive the others out of the log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.support.log_lines import restored_logging
from whisper_appliance.monitoring import logs
from whisper_appliance.monitoring.logs.line_limit import LINES_A_MINUTE, LineLimit

Line = dict[str, object]


class Time:
    """A clock that a test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Log:
    """All that is written, by two handlers that have limits of their own."""

    def __init__(self) -> None:
        self.time = Time()
        self._streams = [io.StringIO(), io.StringIO()]
        logs.set_up("INFO", stream=self._streams[0])
        second = logging.StreamHandler(self._streams[1])
        second.setFormatter(logs.formatter())
        logging.getLogger().addHandler(second)
        for handler in logging.getLogger().handlers:
            handler.filters = [LineLimit(monotonic=self.time).allows]

    def lines(self, name: str) -> list[Line]:
        """The lines of a logger; the same in both."""
        first, second = (
            [line for line in map(json.loads, stream.getvalue().splitlines()) if line["logger"] == name]
            for stream in self._streams
        )
        for line in (*first, *second):
            del line["timestamp"]  # each handler formats a line of `logging` at its own time
        assert first == second
        return first


@pytest.fixture
def log() -> Iterator[Log]:
    with restored_logging():
        yield Log()


def refuse() -> None:
    structlog.get_logger("refused").info("too many requests")


def warn(number: int) -> None:
    logging.getLogger("library").warning("refused %s", number)


def test_lines_of_one_place_are_limited_and_others_are_written(log: Log) -> None:
    for number in range(LINES_A_MINUTE + 5):
        refuse()
        warn(number)
    structlog.get_logger("other").info("a sign-in")
    assert len(log.lines("refused")) == len(log.lines("library")) == LINES_A_MINUTE
    assert len(log.lines("other")) == 1


def test_the_next_line_says_how_many_were_left_out(log: Log) -> None:
    for number in range(LINES_A_MINUTE + 5):
        refuse()
        warn(number)
    log.time.seconds = 60.0
    refuse()
    warn(7)
    refuse()
    assert [line.get("left_out") for line in log.lines("refused")[-2:]] == [5, None]
    assert log.lines("library")[-1]["event"] == "refused 7 (5 lines like this were left out)"


def test_errors_are_always_written(log: Log) -> None:
    for _ in range(LINES_A_MINUTE + 5):
        structlog.get_logger("broken").error("no such table")
    assert len(log.lines("broken")) == LINES_A_MINUTE + 5


def test_a_running_appliance_limits_its_lines() -> None:
    stream = io.StringIO()
    with restored_logging():
        logs.set_up("INFO", stream=stream)
        for _ in range(LINES_A_MINUTE + 5):
            refuse()
    assert len(stream.getvalue().splitlines()) == LINES_A_MINUTE
