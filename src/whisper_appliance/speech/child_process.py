"""Starting and ending the process that an engine lives in."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from whisper_appliance.speech.engine import Engine, EngineSpec

STOP_SECONDS = 2.0
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "HF_HUB_OFFLINE")
KEPT_PREFIXES = ("MALLOC_", "CUDA_", "NVIDIA_", "OMP_", "MKL_", "OPENBLAS_", "CT2_")


def spawn(
    spec: EngineSpec, load: Callable[[EngineSpec], Engine] | None
) -> tuple[subprocess.Popen[bytes], Connection]:
    """A new process that loads the engine, and our end of its pipe."""
    ours, theirs = Pipe()
    environment = {k: v for k, v in os.environ.items() if k in KEPT_VARIABLES or k.startswith(KEPT_PREFIXES)}
    # Each thread's own heap would hold on to what its largest window needed.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, "-m", "whisper_appliance.speech.engine_child", str(theirs.fileno())],
        pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    theirs.close()
    with suppress(OSError):
        ours.send((spec, load))
    return process, ours


def end(process: subprocess.Popen[bytes]) -> None:
    """The process ends by itself when its pipe closes; if it does not, it is killed."""
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ending_in_words(returncode: int) -> str:
    """How a process ended, for a sentence to a person."""
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
