"""The edge of a thread or connection that must outlive any error of what it calls."""

from collections.abc import Callable

import structlog

from whisper_appliance.core.errors import ApplianceError

MAX_REASON_CHARS = 200
log = structlog.get_logger()


def log_errors(call: Callable[[], object], message: str, *, of_input: bool = False) -> bool:
    """Calls a function; an error is logged under `message`, with its traceback if it is unexpected.

    `of_input`: it is that of what a client sent, which may be anything, so one line is enough.
    Returns whether there was no error.
    """
    try:
        call()
    except Exception as error:  # the one edge of threads: whatever a loop calls may fail, the loop goes on
        if of_input:
            log.info(message, reason=f"{type(error).__name__}: {error}"[:MAX_REASON_CHARS])
        elif isinstance(error, ApplianceError | OSError):
            log.warning(message, reason=str(error))
        else:
            log.exception(message)
        return False
    return True
