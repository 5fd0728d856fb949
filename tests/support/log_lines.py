"""The log as the program writes it; after a test, logging is as it was before."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from whisper_appliance.monitoring import logs


@contextmanager
def restored_logging() -> Iterator[None]:
    """Gives the other tests back their logging."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        yield
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()


@contextmanager
def written_log() -> Iterator[io.StringIO]:
    """All lines of this process from INFO on, as JSON."""
    with restored_logging():
        stream = io.StringIO()
        logs.set_up("INFO", stream=stream)
        yield stream
