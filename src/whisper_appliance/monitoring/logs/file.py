"""The log as a file that stays small, and that gives way when the disk is full."""

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
ASK_SECONDS = 5.0


class LogFile(RotatingFileHandler):
    """`appliance.log` and up to four older ones. What it cannot write is left out, and no work is held up."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        *,
        spare_bytes: int = SPARE_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Below `spare_bytes` of free space nothing is written. The file is made with the first line."""
        self._folder = folder
        self._spare_bytes = spare_bytes
        self._monotonic = monotonic
        self._asked = float("-inf")
        self._room = False
        super().__init__(
            folder / NAME, maxBytes=max_bytes, backupCount=FILES - 1, encoding="utf-8", delay=True
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line, if there is room."""
        if self._has_room():
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name for it
        """The line is left out; the disk is asked again in a while."""
        self._room = False
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
        if now - self._asked >= ASK_SECONDS:
            self._asked = now
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._room = shutil.disk_usage(self._folder).free >= self._spare_bytes
            except OSError:
                self._room = False
        return self._room


def written(folder: Path) -> list[Path]:
    """The files there are, the oldest first."""
    names = [*(f"{NAME}.{number}" for number in range(FILES - 1, 0, -1)), NAME]
    return [folder / name for name in names if (folder / name).is_file()]


def contents(folder: Path, chunk_bytes: int = 64 * 1024) -> Iterator[bytes]:
    """All that is kept, oldest first. A file that is rotated meanwhile may come twice or not at all."""
    for path in written(folder):
        try:
            with path.open("rb") as file:
                while chunk := file.read(chunk_bytes):
                    yield chunk
        except FileNotFoundError:
            continue
