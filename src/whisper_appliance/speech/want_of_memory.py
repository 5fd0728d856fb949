"""An engine that found no memory: how its process says so, and how the libraries' exceptions are told."""

OUT_OF_MEMORY = 77
"""The exit code for it: only a new process has all memory again."""
FAILURES = (RuntimeError, MemoryError, ImportError, OSError)
WORDS = (
    "bad_alloc",
    "out of memory",
    "cannot allocate",
    "failed to allocate",
    "failed to map segment",
    "can't start new thread",
    "resource temporarily unavailable",
)


def is_want_of_memory(error: BaseException) -> bool:
    """Whether an exception says so; most libraries have no class for it."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in WORDS)
