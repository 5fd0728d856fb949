"""A process that serves one job behind the sandbox of engines, and ends with it: both ends of its pipe.

Requests have the form of `wire_format`; answers are JSON that is not trusted, because the process runs native
code on foreign input.
"""

import json
import os
import signal
import subprocess
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
from whisper_appliance.core.processor_time import processor_seconds
from whisper_appliance.engines.process.loader import loader_name
from whisper_appliance.engines.process.spawn import (
    MemoryWatch,
    describe_exit,
    is_end_by_machine,
    spawn_process,
    terminate,
)
from whisper_appliance.engines.process.wire_format import send

ANSWER_SECONDS = 120.0
"""How long one answer may take."""
WORKING_SHARE = 0.5
"""A process that takes less of the processor than this share of its time is slowed down by the machine."""
POLL_SECONDS = 0.2
MAX_ANSWER_BYTES = 64 * 2**20
NICENESS = 15  # transcription goes first


@dataclass(frozen=True, slots=True)
class Service:
    """Which module runs in the process, its limits, and what to say when it fails.

    `failed` is a message with the placeholder `reason`.
    """

    module: str
    failed: str
    silent: str
    max_memory_bytes: int = 0


class Conversation:
    """Sends requests to the process, and waits for its answers."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        connection: Connection,
        cancelled: Callable[[], bool],
        silent: str,
    ) -> None:
        self._process = process
        self._connection = connection
        self._cancelled = cancelled
        self._silent = silent

    def send(self, message: object) -> None:
        """Sends a request."""
        send(self._connection, message)

    def answer(self) -> dict[str, Any]:
        """The next answer. Raises `EOFError` and `OSError` if the process is gone, or sends something else.

        Raises `Cancelled`, `ModelUnavailable` with what it says, and if it does not answer `EngineFailed`, or
        `Unavailable` if the machine did not let it work.
        """
        deadline, used = time.monotonic() + ANSWER_SECONDS, processor_seconds(self._process.pid)
        self._check_cancelled()
        while not self._connection.poll(POLL_SECONDS):
            self._check_cancelled()
            if time.monotonic() > deadline:
                used = processor_seconds(self._process.pid) - used
                raise (EngineFailed if used > WORKING_SHARE * ANSWER_SECONDS else Unavailable)(self._silent)
        try:
            answer = json.loads(self._connection.recv_bytes(MAX_ANSWER_BYTES))
        except (ValueError, RecursionError) as error:
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
    service: Service,
    model: Path,
    spec: object,
    load: Callable[..., object] | None,
    cancelled: Callable[[], bool],
) -> Iterator[Conversation]:
    """A process that got `spec` and may read `model`; it is killed when the context ends.

    Raises `EngineFailed`, or `Unavailable`, in place of the `EOFError` and `OSError` of a process that died.
    """
    process, connection = spawn_process(service.module, model, spec, loader_name(load))
    with closing(connection), MemoryWatch(process, service.max_memory_bytes) as watch:
        try:
            yield Conversation(process, connection, cancelled, service.silent)
        except (EOFError, OSError) as error:
            connection.close()
            had_to_be_killed = terminate(process)
            reason = watch.reason or describe_exit(process.returncode)
            is_machine = is_end_by_machine(process.returncode) and not (watch.reason or had_to_be_killed)
            is_machine |= isinstance(error, BlockingIOError)  # it took or sent half a message, and no more
            raise (Unavailable if is_machine else EngineFailed)(service.failed, reason=reason) from None
        finally:
            process.kill()
            process.wait()


def serve_one(pipe: int, work: Callable[[Connection], None]) -> None:
    """In the process: works on what the pipe with this descriptor brings, first the specification."""
    # A service manager's signals reach every process of the service; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    connection = Connection(pipe)
    try:
        work(connection)
    except ApplianceError as error:
        send_answer(connection, failed=error.message)
    except (EOFError, BrokenPipeError):
        return


def send_answer(connection: Connection, **message: Any) -> None:
    """In the process: sends an answer."""
    connection.send_bytes(json.dumps(message).encode())
