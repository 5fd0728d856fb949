"""Supervisor of an engine's process: starts it, reads its responses, starts it anew when it exits."""

import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Protocol

import structlog

from whisper_appliance.engines.contract import Engine, EngineSpec
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
    resident_bytes,
    spawn,
    terminate,
)

log = structlog.get_logger()


class ProcessOwner(Protocol):
    """What the supervisor calls, in its thread."""

    def wants_process(self) -> bool:
        """Whether a process is to be started; called with the lock held."""
        ...

    def on_response(self, response: Response) -> None:
        """The process has sent this. Raises `BadResponse` if no request is pending for it."""
        ...

    def on_exit(self, ending: str, *, killed: bool) -> None:
        """The process is gone; `ending` is how, in words. `killed`: from outside, by SIGKILL."""
        ...


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
        self._load = load
        self._owner = owner
        self._lock = lock
        self.process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def start(self) -> None:
        """Starts the thread and returns."""
        threading.Thread(target=self._run, name=f"engine {self._spec.model}", daemon=True).start()

    def send(self, request: Request) -> None:
        """Sends a request; the lock is held. A broken pipe is left to the thread that reads from it."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.send(request)

    @property
    def memory_bytes(self) -> int:
        """The resident memory of the process; 0 if there is none."""
        return resident_bytes(self.process)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._owner.wants_process():
                    return
                process, connection = self.process, self._connection = spawn(self._spec, self._load)
            with MemoryWatch(process, self._spec.max_memory_bytes) as watch:
                self._serve(connection)
            with self._lock:  # another thread may be sending
                connection.close()
            terminate(process)
            killed = process.returncode == -signal.SIGKILL and not watch.reason
            self._owner.on_exit(watch.reason or describe_exit(process.returncode), killed=killed)

    def _serve(self, connection: Connection) -> None:
        """Hands responses to the owner until the process has ended, or sends what is no response."""
        with suppress(EOFError, OSError):
            while True:
                try:
                    self._owner.on_response(decode_response(connection.recv_bytes(MAX_RESPONSE_BYTES)))
                except BadResponse as error:
                    log.warning("an engine is ended: it sent no response", reason=str(error)[:200])
                    return
