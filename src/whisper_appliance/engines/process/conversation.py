"""A process that serves one job behind the sandbox of engines, and ends with it: both ends of its pipe.

Requests are pickled; answers are JSON that is not trusted, because the process runs native code on foreign
input.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from whisper_appliance.core.errors import (
    ApplianceError,
    Cancelled,
    EngineFailed,
    ModelUnavailable,
    Unavailable,
)
from whisper_appliance.engines.process.out_of_memory import OUT_OF_MEMORY
from whisper_appliance.engines.process.spawn import MemoryWatch, describe_exit, spawn_process, terminate

ANSWER_SECONDS = 120.0
"""How long one answer may take."""
POLL_SECONDS = 0.2
MAX_ANSWER_BYTES = 64 * 2**20
NICENESS = 15  # transcription goes first


@dataclass(frozen=True, slots=True)
class Service:
    """Which module runs in the process, its limits, and what to say when it fails.

    `failed` is a message with the placeholder `reason`. `killed_is_passing`: a process that was killed from
    outside, or found no memory, is a failure of the machine (`Unavailable`), not of what it worked on.
    """

    module: str
    failed: str
    silent: str
    max_memory_bytes: int = 0
    killed_is_passing: bool = False


class Conversation:
    """Sends requests to the process, and waits for its answers."""

    def __init__(self, connection: Connection, cancelled: Callable[[], bool], silent: str) -> None:
        self._connection = connection
        self._cancelled = cancelled
        self._silent = silent

    def send(self, message: object) -> None:
        """Sends a request, pickled."""
        self._connection.send(message)

    def answer(self) -> dict[str, Any]:
        """The next answer. Raises `EOFError` and `OSError` if the process is gone, or sends something else.

        Raises `Cancelled`, `EngineFailed` if it does not answer, and `ModelUnavailable` with what it says.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        self._check_cancelled()
        while not self._connection.poll(POLL_SECONDS):
            self._check_cancelled()
            if time.monotonic() > deadline:
                raise EngineFailed(self._silent)
        try:
            answer = json.loads(self._connection.recv_bytes(MAX_ANSWER_BYTES))
        except ValueError as error:
            raise OSError(str(error)) from error
        if not isinstance(answer, dict):
            raise OSError("no answer")
        if "failed" in answer:
            raise ModelUnavailable(str(answer["failed"]))
        return answer

    def _check_cancelled(self) -> None:
        if self._cancelled():
            raise Cancelled("The job was cancelled.")


@contextmanager
def conversation(
    service: Service, model: Path, order: object, cancelled: Callable[[], bool]
) -> Iterator[Conversation]:
    """A process that got `order` and may read `model`; it is killed when the context ends.

    Raises `EngineFailed`, or `Unavailable`, in place of the `EOFError` and `OSError` of a process that died.
    """
    process, connection = spawn_process(service.module, model, order)
    with closing(connection), MemoryWatch(process, service.max_memory_bytes) as watch:
        try:
            yield Conversation(connection, cancelled, service.silent)
        except (EOFError, OSError):
            connection.close()
            terminate(process)
            reason = watch.reason or describe_exit(process.returncode)
            is_machine = process.returncode in (-signal.SIGKILL, OUT_OF_MEMORY) and not watch.reason
            failure = Unavailable if is_machine and service.killed_is_passing else EngineFailed
            raise failure(service.failed, reason=reason) from None
        finally:
            process.kill()
            process.wait()


def serve_one(pipe: int, work: Callable[[Connection, Any], None]) -> None:
    """In the process: works on the order that the pipe with this descriptor brings first."""
    # A service manager's signals reach every process of the service; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    connection = Connection(pipe)
    try:
        work(connection, connection.recv())
    except ApplianceError as error:
        send_answer(connection, failed=error.message)
    except (EOFError, BrokenPipeError):
        return


def send_answer(connection: Connection, **message: Any) -> None:
    """In the process: sends an answer."""
    connection.send_bytes(json.dumps(message).encode())
