"""An engine that found no memory: how its process says so, and how the libraries' exceptions are told."""

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
    """Whether an exception says so; most libraries have no class for it."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in OOM_MESSAGES)


def trim_heap() -> None:
    """Gives the system the memory that this process has freed but keeps for later."""
    with suppress(AttributeError):  # glibc's word
        ctypes.CDLL(None).malloc_trim(0)


def set_trim_threshold() -> None:
    """From now on, the system gets large pieces of memory back as soon as they are freed."""
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
