"""Out of memory: how it is recognized in the libraries' exceptions, and the heap settings that avoid it."""

import ctypes
from contextlib import suppress

OUT_OF_MEMORY = 77
"""The exit code for it: only a new process has all memory again."""
KEPT_BYTES = 32 * 2**20
_M_TRIM_THRESHOLD = -1
FAILURES = (RuntimeError, MemoryError, ImportError, OSError)
OOM_MESSAGES = (
    "bad_alloc",
    "out of memory",
    "cannot allocate",
    "failed to allocate",
    "failed to map segment",
    "can't start new thread",
    "resource temporarily unavailable",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means out of memory; most libraries have no class for it, only a message."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in OOM_MESSAGES)


def trim_heap() -> None:
    """Returns freed memory to the system, which the allocator keeps for later (glibc, `malloc_trim`)."""
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def set_trim_threshold() -> None:
    """From now on, freed memory above 32 MiB goes back to the system at once (glibc, `mallopt`)."""
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
