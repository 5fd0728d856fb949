"""Supervisor of an engine's process: starts it, exchanges messages, starts it anew when it exits or hangs."""

import queue
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Protocol, Self

import structlog

from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.processor_time import processor_seconds
from whisper_appliance.engines.contract import Engine, EngineSpec
from whisper_appliance.engines.process.loader import loader_name
from whisper_appliance.engines.process.messages import (
    MAX_RESPONSE_BYTES,
    BadResponse,
    Request,
    Response,
    decode_response,
)
from whisper_appliance.engines.process.spawn import (
    MemoryWatch,
    describe_exit,
    is_end_by_machine,
    resident_bytes,
    spawn,
    terminate,
)
from whisper_appliance.engines.process.wire_format import send

POLL_SECONDS = 1.0
STILL_POLLS = 120
"""A process that has work, answers nothing and takes no processor time for so many polls is stopped."""
SILENT_POLLS = 3600
"""A process that has work and answers nothing for so many polls will never answer."""
NO_RESPONSE = N_("its response cannot be read")
STOPPED = N_("it was stopped, or waited for something that did not come")
ENDLESS = N_("it did not answer for an hour")

NOTHING_LEFT = (OSError, RuntimeError, MemoryError)
"""What is raised when there is no descriptor, process, memory or thread left."""

log = structlog.get_logger()


class ProcessOwner(Protocol):
    """What the supervisor calls, in its thread."""

    def wants_process(self) -> bool:
        """Whether a process is to be started; called with the lock held."""
        ...

    def awaits_response(self) -> bool:
        """Whether the process has work."""
        ...

    def on_response(self, response: Response) -> None:
        """The process has sent this. Raises `BadResponse` if no request is pending for it."""
        ...

    def on_exit(self, ending: str, *, killed: bool) -> None:
        """The process is gone, or none could be started; `ending` is how, in words.

        `killed`: by the machine, which is no fault of what it worked on.
        """
        ...


class RequestSender:
    """Sends requests in a thread of its own, so that nobody waits for a process that reads nothing.

    A context: at its end the connection is shut down, which ends the process and a send that waits.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="engine requests", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        _shut_down(self._connection)
        self._requests.put(None)
        self._thread.join()

    def enqueue(self, request: Request) -> None:
        """Sends a request soon. A broken connection is left to the thread that reads from it."""
        self._requests.put(request)

    def _run(self) -> None:
        with suppress(OSError):
            while (request := self._requests.get()) is not None:
                send(self._connection, request)


class SilenceWatch:
    """Decides when a process that does not answer is ended. It counts polls, not seconds, because a machine
    that sleeps makes no process silent."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._used = 0.0
        self._silent = self._still = 0

    def end(self) -> None:
        """The process has answered."""
        self._silent = self._still = 0

    def check(self, *, has_work: bool) -> str:
        """After a poll without an answer: why the process is to be ended; empty if it may go on."""
        if not has_work:
            self.end()
            return ""
        before, self._used = self._used, processor_seconds(self._process.pid)
        self._silent += 1
        self._still = self._still + 1 if self._used == before else 0
        if self._still >= STILL_POLLS:
            return STOPPED
        return ENDLESS if self._silent >= SILENT_POLLS else ""


class Supervisor:
    """Runs one process at a time for as long as its owner wants one."""

    def __init__(
        self,
        spec: EngineSpec,
        load: Callable[[EngineSpec], Engine] | None,
        owner: ProcessOwner,
        lock: threading.Condition,
    ) -> None:
        """`lock` is held while a process is started, and by the owner when it sends."""
        self._spec = spec
        self._load = loader_name(load)
        self._owner = owner
        self._lock = lock
        self.process: subprocess.Popen[bytes] | None = None
        self._sender: RequestSender | None = None

    def start(self) -> None:
        """Starts the thread and returns. Raises `ModelUnavailable` if the machine has none left."""
        thread = threading.Thread(target=self._run, name=f"engine {self._spec.model}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise ModelUnavailable("The machine reports: {reason}.", reason=str(error)) from error

    def send(self, request: Request) -> None:
        """Sends a request; the lock is held. Does not wait."""
        if self._sender is not None:
            self._sender.enqueue(request)

    @property
    def memory_bytes(self) -> int:
        """The resident memory of the process; 0 if there is none."""
        return resident_bytes(self.process)

    def _run(self) -> None:
        while self._owner.wants_process():
            try:
                ending, killed = self._run_process()
            except NOTHING_LEFT as error:
                log.warning("an engine could not be run", model=self._spec.model, reason=str(error))
                ending, killed = getattr(error, "strerror", None) or str(error), True
            self._owner.on_exit(ending, killed=killed)

    def _run_process(self) -> tuple[str, bool]:
        """Starts a process and serves it until it has ended: how, in words, and whether by the machine."""
        with self._lock:
            if not self._owner.wants_process():
                return "", False
            process, connection = spawn(self._spec, self._load)
            sender = RequestSender(connection)
            self.process, self._sender = process, sender
        try:
            with MemoryWatch(process, self._spec.max_memory_bytes) as watch, sender:
                reason = self._serve(process, connection)
        finally:
            connection.close()
            had_to_be_killed = terminate(process)
        if reason := watch.reason or reason or (NO_RESPONSE if had_to_be_killed else ""):
            return reason, reason == STOPPED
        return describe_exit(process.returncode), is_end_by_machine(process.returncode)

    def _serve(self, process: subprocess.Popen[bytes], connection: Connection) -> str:
        """Hands responses to the owner until the process has ended, or has to be ended: returns why."""
        silence = SilenceWatch(process)
        with suppress(EOFError, OSError):
            while True:
                if connection.poll(POLL_SECONDS):
                    silence.end()
                    try:
                        self._owner.on_response(decode_response(connection.recv_bytes(MAX_RESPONSE_BYTES)))
                    except BadResponse as error:
                        log.warning("an engine is ended: it sent no response", reason=str(error)[:200])
                        return NO_RESPONSE
                    except BlockingIOError:  # half a response, and no more of it for long
                        return STOPPED
                elif reason := silence.check(has_work=self._owner.awaits_response()):
                    return reason
        return ""


def _shut_down(connection: Connection) -> None:
    """Ends a connection for both sides, while another thread may use it."""
    with suppress(OSError):
        end = socket.socket(fileno=connection.fileno())
        try:
            end.shutdown(socket.SHUT_RDWR)
        finally:
            end.detach()
