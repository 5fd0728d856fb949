"""The edge of a thread or connection that must outlive any error of what it calls."""

from collections.abc import Callable

import structlog

from whisper_appliance.core.errors import ApplianceError

log = structlog.get_logger()


def log_errors(call: Callable[[], object], message: str) -> bool:
    """Calls a function; an error is logged under `message`, with its traceback if it is unexpected.

    Returns whether there was no error.
    """
    try:
        call()
    except Exception as error:  # the one edge of threads: whatever a loop calls may fail, the loop goes on
        if isinstance(error, ApplianceError | OSError):
            log.warning(message, reason=str(error))
        else:
            log.exception(message)
        return False
    return True
