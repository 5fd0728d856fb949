"""Atomic file writes, also from another file system: a reader sees the old or the new content, never half."""

import errno
import json
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

PART = ".part"
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


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


def move(source: Path, target: Path) -> None:
    """Renames a file, also to another file system or mount; replaces the target. Raises `OSError`.

    Across file systems it is copied first, and deleted here once the copy is on the disk under its name.
    After a crash the file is at the old or at both places, and a repeated call ends the move.
    """
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(source, target)
        source.unlink()


def link_or_copy(source: Path, target: Path) -> None:
    """Gives a file a second name; it is copied where hard links are not possible. Raises `OSError`.

    For files that are never written again.
    """
    try:
        os.link(source.resolve(), target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        copy(source, target)


def copy(source: Path, target: Path) -> None:
    """Copies a file with its mode and times; the copy has its name once it is on the disk. Raises `OSError`.

    Until then it is beside the target, with `.part` added to the name.
    """
    part = target.with_name(target.name + PART)
    part.unlink(missing_ok=True)
    try:
        with source.open("rb") as read, open(part, "xb", opener=_private) as written:
            shutil.copyfileobj(read, written, 1024 * 1024)
            with suppress(OSError):  # not every network share has modes
                shutil.copystat(source, part)
            written.flush()
            os.fsync(written.fileno())
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Writes the names in a folder through to the disk. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
