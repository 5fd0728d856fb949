"""The rotating log file. It pauses while the disk is nearly full."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

NAME = "appliance.log"
FILES = 5
SPARE_BYTES = 64 * 2**20
DISK_CHECK_SECONDS = 5.0


class LogFile(RotatingFileHandler):
    """`appliance.log` and up to four older files. A line that cannot be written is dropped."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        *,
        spare_bytes: int = SPARE_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Writes nothing while less than `spare_bytes` are free. Creates the file with the first line."""
        self._folder = folder
        self._spare_bytes = spare_bytes
        self._monotonic = monotonic
        self._checked = float("-inf")
        self._has_space = False
        super().__init__(
            folder / NAME, maxBytes=max_bytes, backupCount=FILES - 1, encoding="utf-8", delay=True
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line if there is disk space."""
        if self._has_room():
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name for it
        """Drops the line; the disk is checked again later."""
        self._has_space = False
        stream, self.stream = self.stream, None
        if stream:
            with suppress(OSError):
                stream.close()

    def _open(self) -> TextIOWrapper:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding)

    def _has_room(self) -> bool:
        now = self._monotonic()
        if now - self._checked >= DISK_CHECK_SECONDS:
            self._checked = now
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._has_space = shutil.disk_usage(self._folder).free >= self._spare_bytes
            except OSError:
                self._has_space = False
        return self._has_space


def log_files(folder: Path) -> list[Path]:
    """The existing log files, the oldest first."""
    names = [*(f"{NAME}.{number}" for number in range(FILES - 1, 0, -1)), NAME]
    return [folder / name for name in names if (folder / name).is_file()]


def read_all(folder: Path, chunk_bytes: int = 64 * 1024) -> Iterator[bytes]:
    """Reads all log files, the oldest first. A file rotated meanwhile may come twice or never."""
    for path in log_files(folder):
        try:
            with path.open("rb") as file:
                while chunk := file.read(chunk_bytes):
                    yield chunk
        except FileNotFoundError:
            continue
