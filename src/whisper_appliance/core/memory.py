"""Memory settings of glibc's malloc: arenas, trim threshold, and returning freed memory to the system."""

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD = -1
_M_ARENA_MAX = -8


def limit_malloc_arenas(count: int) -> None:
    """At most `count` arenas, because one for each thread costs tens of megabytes of address space."""
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, count)


def set_trim_threshold(kept_bytes: int) -> None:
    """From now on, freed memory above `kept_bytes` goes back to the system at once."""
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, kept_bytes)


def trim_heap() -> None:
    """Returns freed memory to the system, which the allocator keeps for later."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
