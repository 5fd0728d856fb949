"""Starts programs of tests by fork, from a process that has imported what they need."""

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
SERVER_ENDED = "The process that forks the programs of tests has ended; what it wrote to stderr says why."


class ForkedProgram:
    """A started program, with the methods of `subprocess.Popen`, of which it is no child."""

    def __init__(self, pid: int, exit_pipe: int, stdin: IO[str] | None, stdout: IO[str] | None) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None
        self._exit_pipe = exit_pipe
        self._lock = threading.Lock()
        weakref.finalize(self, os.close, exit_pipe)  # not before: several threads may wait for its end

    def __enter__(self) -> "ForkedProgram":
        return self

    def __exit__(self, *_error: object) -> None:
        for stream in (self.stdout, self.stdin):
            if stream:
                stream.close()
        self.wait()

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._read_exit_code(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code once it has ended. Raises `subprocess.TimeoutExpired`."""
        code = self._read_exit_code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Does nothing after its end."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read_exit_code(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._exit_pipe], [], [], timeout)[0]:
            with self._lock:
                if self.returncode is None:
                    self.returncode = _number(os.read(self._exit_pipe, 20))
        return self.returncode


class ForkServer:
    """The other end of `programs.fork_server`. Thread-safe."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            descriptor = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.programs.fork_server", str(descriptor)],
                cwd=ROOT, env=environment, pass_fds=[descriptor], stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def start(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        stderr: int,
        folder: Path = ROOT,
        has_input: bool = False,
    ) -> ForkedProgram:
        """Runs a module as `python -m` does, in this folder; its stdout is a pipe."""
        message = {
            "module": module, "arguments": arguments, "environment": dict(environment), "folder": str(folder),
        }  # fmt: skip
        reads_output, output = os.pipe()
        exited, exit_pipe = os.pipe()
        given, gives_input = os.pipe() if has_input else (os.open(os.devnull, os.O_RDONLY), None)
        theirs = [given, output, stderr, exit_pipe]
        try:
            with self._lock:
                socket.send_fds(self._channel, [json.dumps(message).encode()], theirs)
                pid = _number(self._channel.recv(20))
        except ConnectionError as error:
            raise RuntimeError(SERVER_ENDED) from error
        finally:
            for descriptor in (given, output, exit_pipe):
                os.close(descriptor)
        stdin = None if gives_input is None else os.fdopen(gives_input, "w")
        return ForkedProgram(pid, exited, stdin, os.fdopen(reads_output))

    def close(self) -> None:
        """Ends it; programs that run go on."""
        self._channel.close()
        self._process.wait()


def _number(answer: bytes) -> int:
    if not answer:
        raise RuntimeError(SERVER_ENDED)
    return int(answer)


@functools.cache
def fork_server() -> ForkServer:
    """One for all programs of a test process, made for the first of them."""
    from tests.support.program import environment

    server = ForkServer(environment(ROOT))
    atexit.register(server.close)
    return server
