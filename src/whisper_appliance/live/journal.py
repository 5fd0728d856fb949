"""What a session has said, as lines of JSON: read again after a crash, and to those who missed some."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]
CLOSED = -1


class Journal:
    """An append-only file. A line is there when it is whole: the half line of a crash is cut off."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        os.ftruncate(self._file, content.rfind(b"\n") + 1)

    def add(self, record: Record) -> None:
        """Writes one line; it survives the end of this process at once. Raises `OSError`, closed ones too."""
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        os.write(self._file, line.encode() + b"\n")

    def records(self) -> Iterator[Record]:
        """All lines from the beginning."""
        with self._path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def sync(self) -> None:
        """Makes what was written outlive a power cut, too."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Lets go of the file."""
        file, self._file = self._file, CLOSED
        if file != CLOSED:
            os.close(file)
