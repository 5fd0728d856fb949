"""The journal of a live session: an append-only file of JSON lines, replayed after a crash and on resume."""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]
CLOSED = -1


def sync_file(file: int) -> None:
    """Flushes a file to the disk. Raises `OSError`, also for `CLOSED`: `os.fdatasync` raises `ValueError`."""
    if file == CLOSED:
        raise OSError(errno.EBADF, "the file is closed")
    os.fdatasync(file)


class Journal:
    """An append-only file. An unfinished last line, left by a crash, is cut off when it is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        os.ftruncate(self._file, content.rfind(b"\n") + 1)

    def add(self, record: Record) -> None:
        """Appends one line, which survives the end of this process. Raises `OSError`, also once closed.

        All of the line is written or nothing.
        """
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        size = os.fstat(self._file).st_size
        if os.write(self._file, line) < len(line):
            os.ftruncate(self._file, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def records(self) -> Iterator[Record]:
        """All records from the beginning."""
        with self._path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def sync(self) -> None:
        """Flushes to the disk: the records survive a power cut. Raises `OSError`, also once closed."""
        sync_file(self._file)

    def close(self) -> None:
        """Closes the file."""
        file, self._file = self._file, CLOSED
        if file != CLOSED:
            os.close(file)
