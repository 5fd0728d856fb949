"""Out of memory: how it is recognized in the libraries' exceptions."""

OUT_OF_MEMORY = 77
"""The exit code for it: only a new process has all memory again."""
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
