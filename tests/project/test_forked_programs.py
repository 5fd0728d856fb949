"""The programs that tests start: their end is seen by all threads, and coverage is measured in them."""

import os
import threading
from pathlib import Path

import pytest

from tests.support.forked import ForkedProgram
from tests.support.program import environment
from tests.support.wait import wait_until


def test_the_end_of_a_program_is_seen_by_a_thread_that_waits_and_by_others() -> None:
    ended, exit_pipe = os.pipe()
    program = ForkedProgram(os.getpid(), ended, None, None)
    codes: list[int] = []
    waiting = threading.Thread(target=lambda: codes.append(program.wait()), daemon=True)
    waiting.start()
    assert program.poll() is None, "it does not wait for the other thread"
    os.write(exit_pipe, b"75")
    os.close(exit_pipe)
    assert wait_until(program.poll) == 75
    waiting.join()
    assert codes == [75]


def test_a_fork_server_that_has_ended_is_named() -> None:
    ended, exit_pipe = os.pipe()
    os.close(exit_pipe)
    with pytest.raises(RuntimeError, match="forks the programs of tests has ended"):
        ForkedProgram(os.getpid(), ended, None, None).poll()


def test_started_programs_measure_coverage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "{}")
    assert environment(tmp_path)["COVERAGE_PROCESS_CONFIG"] == "{}"
