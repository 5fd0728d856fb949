"""Atomic file writes: a reader sees the old or the new content, never half of it."""

import json
import os
import threading
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Replaces `path` by a file with mode 0600, written through to the disk. Raises `OSError`."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_json(path: Path, content: object) -> None:
    """Replaces `path` by a JSON file, written through to the disk; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
