"""File descriptors of this process: their limit, and how many are left below it."""

import errno
import os
import resource

from whisper_appliance.core.errors import Unavailable
from whisper_appliance.core.i18n import N_

EXHAUSTED = (errno.EMFILE, errno.ENFILE)
"""The errors of a process, or of the whole machine, that has no descriptor left."""
RESERVED = 48
"""So many descriptors are kept for work that was accepted: recordings, decoders, the database, answers."""
WANTED_LIMIT = 4096
RETRY_SECONDS = 5.0
TOO_MANY_OPEN = N_("The appliance has too many files and connections open. Try again in a moment.")


def raise_limit() -> None:
    """Raises the soft limit of this process, as far as the hard limit allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_LIMIT if hard == resource.RLIM_INFINITY else min(WANTED_LIMIT, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def count_above(descriptor: int) -> int:
    """How many descriptors there are above this one, up to the limit.

    The system gives the lowest free number, so that all below a new one were in use at that moment.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED_LIMIT if soft == resource.RLIM_INFINITY else soft - descriptor - 1


def are_scarce() -> bool:
    """Whether a new descriptor would be one of those that are kept for accepted work."""
    try:
        descriptor = os.dup(0)
    except OSError as error:
        return error.errno in EXHAUSTED
    os.close(descriptor)
    return count_above(descriptor) < RESERVED


def check() -> None:
    """Raises `Unavailable` if a new descriptor would be one of those that are kept for accepted work."""
    if are_scarce():
        raise Unavailable(TOO_MANY_OPEN, retry_after_seconds=RETRY_SECONDS)


def translated(error: Exception) -> Exception:
    """An `Unavailable` in the place of an error of the system that no descriptor is left; else the error."""
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        return Unavailable(TOO_MANY_OPEN, retry_after_seconds=RETRY_SECONDS)
    return error
