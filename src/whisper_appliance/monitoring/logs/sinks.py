"""The log sinks of a running appliance: a ring buffer for the panel, and a file in the data folder."""

import logging
from pathlib import Path

from whisper_appliance.monitoring.logs import formatter
from whisper_appliance.monitoring.logs.file import LogFile
from whisper_appliance.monitoring.logs.line_limit import LineLimit
from whisper_appliance.monitoring.logs.ring import LogRing


class LogSinks:
    """Receives all log lines of the process from `open` to `close`."""

    def __init__(self, folder: Path, *, max_bytes: int, debug: bool = False) -> None:
        """`max_bytes` is the size of one file; 0 writes no file."""
        self.folder = folder
        self.ring = LogRing()
        self._handlers: list[logging.Handler] = [self.ring]
        if max_bytes:
            self._handlers.append(LogFile(folder, max_bytes))
        for handler in self._handlers:
            handler.setFormatter(formatter(debug=debug))
            handler.addFilter(LineLimit().allows)

    def open(self) -> None:
        """Adds the handlers to the root logger."""
        for handler in self._handlers:
            logging.getLogger().addHandler(handler)

    def close(self) -> None:
        """Removes the handlers; the ring keeps its lines."""
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            if handler is not self.ring:
                handler.close()
