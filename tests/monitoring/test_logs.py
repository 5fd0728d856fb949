"""Log lines: one an event, in JSON, with nothing in them that could pass for another line."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.support.log_lines import restored_logging
from whisper_appliance.monitoring import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    with restored_logging():
        yield


def written(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_structlog_and_logging_come_out_the_same_way() -> None:
    stream = io.StringIO()
    logs.set_up("INFO", stream=stream)
    structlog.get_logger("a").info("model loaded", model="base")
    logging.getLogger("gunicorn.error").warning("worker %s", 7)
    first, second = written(stream)
    assert (first["event"], first["model"], first["level"]) == ("model loaded", "base", "info")
    assert (second["event"], second["logger"], second["level"]) == ("worker 7", "gunicorn.error", "warning")


def test_a_name_with_line_breaks_stays_on_its_line() -> None:
    stream = io.StringIO()
    logs.set_up("INFO", stream=stream)
    structlog.get_logger().info("upload", name='a\n{"event": "forged"}\r\x1b[2J\u2028.mp3')
    (only,) = written(stream)
    assert only["name"] == 'a\\n{"event": "forged"}\\r\\x1b[2J\\u2028.mp3'


class Terminal(io.StringIO):
    """A stream that a person reads."""

    def isatty(self) -> bool:
        return True


def test_a_person_reads_lines_without_json_and_without_control_characters() -> None:
    stream = Terminal()
    logs.set_up("INFO", stream=stream)
    structlog.get_logger().info("upload\nforged", name="a\x1b[2Jb")
    assert stream.getvalue().count("\n") == 1
    assert "upload\\nforged" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()


def test_less_important_lines_are_left_out() -> None:
    stream = io.StringIO()
    logs.set_up("WARNING", stream=stream)
    structlog.get_logger().info("chatter")
    logging.getLogger("alembic").info("chatter")
    assert stream.getvalue() == ""


def fail() -> None:
    raise ValueError("no such thing")


def test_an_error_has_its_place_and_a_traceback_only_when_debugging() -> None:
    quiet, loud = io.StringIO(), io.StringIO()
    for stream, debug in ((quiet, False), (loud, True)):
        logs.set_up("INFO", debug=debug, stream=stream)
        try:
            fail()
        except ValueError:
            structlog.get_logger().exception("request failed")
    (short,) = written(quiet)
    assert short["error"] == "ValueError: no such thing"
    assert short["where"].endswith("in fail")
    assert "Traceback" not in quiet.getvalue()
    assert "Traceback" in written(loud)[0]["exception"]
