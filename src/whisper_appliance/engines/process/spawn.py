"""Starting and ending the process of an engine, and its memory limit."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import psutil

from whisper_appliance.core.i18n import N_
from whisper_appliance.core.text import format_bytes
from whisper_appliance.engines.contract import EngineSpec
from whisper_appliance.engines.process.out_of_memory import OUT_OF_MEMORY
from whisper_appliance.engines.process.wire_format import send

START = "whisper_appliance.engines.process.start"
STOP_SECONDS = 2.0
HALF_MESSAGE_SECONDS = 60
WATCH_SECONDS = 0.5
TOOK_TOO_MUCH = N_("it took more than the {limit} of memory that it may use")
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "HF_HUB_OFFLINE")
KEPT_PREFIXES = ("MALLOC_", "ONEDNN_", "CUDA_", "NVIDIA_", "OMP_", "MKL_", "OPENBLAS_", "CT2_")


def spawn(spec: EngineSpec, load: str) -> tuple[subprocess.Popen[bytes], Connection]:
    """A new process that loads the engine, and our end of its pipe."""
    return spawn_process(START, spec.path, spec, load)


def spawn_process(
    module: str, model: Path, spec: object, load: str
) -> tuple[subprocess.Popen[bytes], Connection]:
    """A new process that runs a module and gets `spec` by its pipe, and our end of that.

    The module gets as arguments the descriptor of its end, the path of the model, and `load`, which is what
    `loader_name` returned.
    """
    ours, theirs = Pipe()
    _give_up_waiting(ours)
    environment = {k: v for k, v in os.environ.items() if k in KEPT_VARIABLES or k.startswith(KEPT_PREFIXES)}
    # Each thread's own heap would keep the memory of its largest window.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    # oneDNN caches a primitive for each shape, and windows of speech have all lengths.
    environment.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    environment["ORT_DISABLE_TELEMETRY"] = "1"  # nothing leaves the machine, and nothing is stored for it
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    with theirs:
        process = subprocess.Popen(
            # -P: otherwise the current folder, often DATA_DIR, is in sys.path, which the process may read.
            [sys.executable, "-P", "-m", module, str(theirs.fileno()), str(model), load],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment,
            process_group=0,  # a terminal's Ctrl-C goes to the parent, which decides when this one ends
        )  # fmt: skip
    with suppress(OSError):
        send(ours, spec)
    return process, ours


def _give_up_waiting(connection: Connection) -> None:
    """Half a message that does not go on raises `OSError` after a while."""
    end, patience = socket.socket(fileno=connection.fileno()), struct.pack("ll", HALF_MESSAGE_SECONDS, 0)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
    end.detach()


def terminate(process: subprocess.Popen[bytes]) -> bool:
    """Waits for the process, which exits when its pipe closes; kills it after `STOP_SECONDS`, and says so."""
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def resident_bytes(process: subprocess.Popen[bytes] | None) -> int:
    """Its resident memory; 0 if there is no process."""
    if process is None or process.poll() is not None:
        return 0
    with suppress(psutil.Error):
        return int(psutil.Process(process.pid).memory_info().rss)
    return 0


class MemoryWatch:
    """Memory limit: a context that kills the process when it grows beyond it and then sets `reason`."""

    def __init__(self, process: subprocess.Popen[bytes], limit_bytes: int) -> None:
        """0 is no limit.

        Counts resident memory without mapped files, because engines map address space that they never use,
        and map the files of their weights.
        """
        self._process = process
        self._limit = limit_bytes
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="engine memory", daemon=True)
        self.reason = ""

    def __enter__(self) -> Self:
        if self._limit:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        if self._limit:
            self._thread.join()

    def _watch(self) -> None:
        with suppress(psutil.Error):
            watched = psutil.Process(self._process.pid)
            while not self._left.wait(WATCH_SECONDS):
                memory = watched.memory_info()
                if memory.rss - memory.shared > self._limit:
                    self.reason = TOOK_TOO_MUCH.format(limit=format_bytes(self._limit))
                    self._process.kill()
                    return


def is_end_by_machine(returncode: int) -> bool:
    """Whether a process was killed from outside, or found no memory: no fault of what it worked on."""
    return returncode in (-signal.SIGKILL, OUT_OF_MEMORY)


def describe_exit(returncode: int) -> str:
    """How a process ended, as part of a sentence."""
    if returncode == OUT_OF_MEMORY:
        return N_("it ran out of memory")
    if returncode == -signal.SIGKILL:
        return N_("it was killed, perhaps because the machine is out of memory")
    if returncode == -signal.SIGILL:
        return "the processor lacks an instruction; in a virtual machine, set its processor type to host"
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
