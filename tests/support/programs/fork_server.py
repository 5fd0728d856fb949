"""Forks the programs of tests, with all that they import: `-m tests.support.programs.fork_server DESCRIPTOR`.

To start a program anew, and to import all of it, takes longer than most tests. The descriptor is a socket.
Each message is a program as JSON, with the descriptors of its stdin, stdout and stderr, and of a pipe for its
exit code; the answer is its process id.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

PRELOADED = (
    "alembic.command",
    "dbos",
    "whisper_appliance.app.appliance",
    "whisper_appliance.app.backup_service",
    "whisper_appliance.cli",
    "whisper_appliance.protocols.registry",
    "whisper_appliance.server.application",
    "whisper_appliance.server.serve",
    "tests.support.engines",
    "tests.support.jobs",
    "tests.support.programs.pauses",
)
MESSAGE_BYTES = 2**18


@dataclass(frozen=True)
class Program:
    """What a forked process runs: a module as `python -m` does, its arguments, environment and folder."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str


def fork_programs(channel: socket.socket) -> Program | None:
    """Forks until the other end is closed, and returns None; in a forked process, its program."""
    exit_pipes: dict[int, int] = {}
    child_ended, wakeup = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        for ready in select.select([channel.fileno(), child_ended], [], [])[0]:
            if ready == child_ended:
                os.read(child_ended, 4096)
                _report_exits(exit_pipes)
                continue
            message, descriptors, _flags, _address = socket.recv_fds(channel, MESSAGE_BYTES, 4)
            if not message:
                return None
            *streams, exit_pipe = descriptors
            if (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                for inherited in (*exit_pipes.values(), exit_pipe, child_ended, wakeup, channel.detach()):
                    os.close(inherited)
                return _become(Program(**json.loads(message)), streams)
            exit_pipes[pid] = exit_pipe
            for stream in streams:
                os.close(stream)
            channel.send(str(pid).encode())


def _report_exits(exit_pipes: dict[int, int]) -> None:
    while exit_pipes:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        exit_pipe = exit_pipes.pop(pid)
        with suppress(BrokenPipeError):  # nobody waits for it any more
            os.write(exit_pipe, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(exit_pipe)


def _become(program: Program, streams: list[int]) -> Program:
    """Gives this process the signals, streams, environment and folder of the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(program.environment)
    os.chdir(program.folder)
    time.tzset()
    return program


def main(descriptor: int) -> None:
    """Runs until the test process ends."""
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()
    program = fork_programs(socket.socket(fileno=descriptor))
    if program:
        sys.argv[1:] = program.arguments
        runpy.run_module(program.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
