"""A loop outlives what it calls, and its log says what went wrong."""

import pytest
from structlog.testing import capture_logs

from whisper_appliance.core.errors import Unavailable
from whisper_appliance.core.log_errors import log_errors


def raising(error: BaseException) -> bool:
    def call() -> None:
        raise error

    return log_errors(call, "a sample failed")


@pytest.mark.parametrize("error", [Unavailable("The database is busy."), OSError(28, "No space left")])
def test_an_error_of_the_machine_is_one_line(error: Exception) -> None:
    with capture_logs() as lines:
        assert not raising(error)
    assert lines == [{"event": "a sample failed", "log_level": "warning", "reason": str(error)}]


def test_an_unexpected_error_has_its_traceback() -> None:
    with capture_logs() as lines:
        assert not raising(ValueError("nobody expects this"))
    assert [(line["log_level"], line["exc_info"]) for line in lines] == [("error", True)]


def test_an_error_of_hostile_input_is_one_short_line() -> None:
    def call() -> None:
        raise KeyError("x" * 10_000)

    with capture_logs() as lines:
        assert not log_errors(call, "a message was refused", of_input=True)
    (line,) = lines
    assert (line["log_level"], line["event"], len(line["reason"])) == ("info", "a message was refused", 200)
    assert line["reason"].startswith("KeyError: ")


def test_success_logs_nothing() -> None:
    with capture_logs() as lines:
        assert log_errors(lambda: None, "a sample failed")
    assert lines == []


def test_the_end_of_the_program_passes() -> None:
    with pytest.raises(SystemExit):
        raising(SystemExit())
