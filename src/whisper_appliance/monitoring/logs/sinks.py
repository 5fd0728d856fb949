"""The log of a running appliance: in memory for the panel, and in a file beside the data."""

import logging
from pathlib import Path

from whisper_appliance.monitoring.logs import formatter
from whisper_appliance.monitoring.logs.file import LogFile
from whisper_appliance.monitoring.logs.ring import Ring


class LogBook:
    """Hears what the whole process logs, from `open` to `close`."""

    def __init__(self, folder: Path, *, max_bytes: int, debug: bool = False) -> None:
        """`max_bytes` of one file; 0 writes none."""
        self.folder = folder
        self.ring = Ring()
        self._handlers: list[logging.Handler] = [self.ring]
        if max_bytes:
            self._handlers.append(LogFile(folder, max_bytes))
        for handler in self._handlers:
            handler.setFormatter(formatter(debug=debug))

    def open(self) -> None:
        """From now on."""
        for handler in self._handlers:
            logging.getLogger().addHandler(handler)

    def close(self) -> None:
        """Not any more; what was kept stays."""
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            if handler is not self.ring:
                handler.close()
