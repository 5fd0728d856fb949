"""Queries NVIDIA GPUs with the driver's program `nvidia-smi`."""

import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress

TIMEOUT_SECONDS = 5


def query_gpus(fields: Sequence[str], program: str = "nvidia-smi") -> str:
    """The values of `fields` (see `nvidia-smi --help-query-gpu`) as CSV: a line a GPU, no head, no units.

    Empty without the program, or when it fails. May take a second.
    """
    path = shutil.which(program)
    if path is None:
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        completed = subprocess.run(
            [path, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return completed.stdout
    return ""
