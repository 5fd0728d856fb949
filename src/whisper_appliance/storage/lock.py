"""The lock of the data folder: a file lock that lets one process at a time use the folder."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from whisper_appliance.core.errors import AlreadyRunning


@contextlib.contextmanager
def locked_folder(folder: Path, *, timeout_seconds: float = 0.5) -> Iterator[None]:
    """Holds the lock of a data folder; the kernel releases it even after `kill -9`.

    Raises `AlreadyRunning` if another process holds the lock for longer than the timeout.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        deadline = time.monotonic() + timeout_seconds
        while not _try_lock(file.fileno()):
            if time.monotonic() >= deadline:
                file.seek(0)
                holder = file.read(20).strip() or "unknown"
                raise AlreadyRunning(
                    "{folder} is already in use by another whisper-appliance (process {holder}). "
                    "Stop that one, or give this one a DATA_DIR of its own.",
                    folder=folder,
                    holder=holder,
                )
            time.sleep(0.05)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
