"""Candidates: the files of a watch folder that may be recordings, and when each is complete."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from whisper_appliance.audio.formats import EXTENSIONS

DONE, FAILED = "done", "failed"
OWN_FOLDERS = (DONE, FAILED)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FileState:
    """What changes while a file is written."""

    size_bytes: int
    modified_ns: int
    inode: int


class Candidates:
    """The recordings in a folder that are not complete yet, or not taken yet.

    A file is complete once its size and its time of change have stayed the same for `settle_seconds`.
    """

    def __init__(self, folder: Path, outputs: Path | None, settle_seconds: float) -> None:
        """Files in `outputs` are results, not recordings."""
        self._folder = folder
        self._outputs = outputs
        self._settle_seconds = settle_seconds
        self._found: dict[Path, tuple[FileState, float]] = {}
        self._left_out: dict[Path, FileState] = {}

    def find_all(self, under: Path | None = None) -> Iterator[Path]:
        """The recordings that are in the folder now, or in one `under` it; links are not followed."""
        for parent, folders, files in os.walk(under or self._folder, onerror=_log_unreadable):
            at = Path(parent)
            folders[:] = sorted(name for name in folders if self._is_searched(at / name))
            yield from (at / name for name in sorted(files) if self.is_recording(at / name))

    def is_recording(self, path: Path) -> bool:
        """Whether the name of a file is that of a recording, at a place where recordings are searched."""
        if path == self._folder or not path.is_relative_to(self._folder):
            return False
        relative = path.relative_to(self._folder)
        places = [self._folder / parent for parent in relative.parents][:-1]
        return (
            path.suffix.lower().removeprefix(".") in EXTENSIONS
            and not path.name.startswith(".")
            and all(map(self._is_searched, places))
        )

    def note(self, path: Path, now: float) -> None:
        """Adds a file, or starts its time anew because it has changed."""
        state = state_of(path)
        if state is None:
            self._found.pop(path, None)
            return
        if self._left_out.get(path) == state:
            return
        known = self._found.get(path)
        if known is None or known[0] != state:
            self._found[path] = (state, now)

    def leave_out(self, path: Path) -> None:
        """Takes no notice of a file any more, until it changes."""
        self._found.pop(path, None)
        if state := state_of(path):
            self._left_out[path] = state

    def discard(self, path: Path) -> None:
        """Removes a file."""
        self._found.pop(path, None)
        self._left_out.pop(path, None)

    def take(self, now: float) -> Path | None:
        """The first file that is complete, which is no candidate any more; None if there is none."""
        for path, (state, since) in sorted(self._found.items(), key=lambda item: item[1][1]):
            if now - since < self._settle_seconds:
                return None
            current = state_of(path)
            if current is None:
                del self._found[path]
            elif current != state:
                self._found[path] = (current, now)
            else:
                del self._found[path]
                return path
        return None

    def seconds_to_next(self, now: float) -> float | None:
        """Seconds until the next file may be complete; None if there is no candidate."""
        if not self._found:
            return None
        first = min(since for _, since in self._found.values())
        return max(0.0, first + self._settle_seconds - now)

    def _is_searched(self, folder: Path) -> bool:
        is_own = folder.parent == self._folder and folder.name in OWN_FOLDERS
        is_left_out = folder == self._outputs or folder.name.startswith(".") or folder.is_symlink()
        return not is_own and not is_left_out


def state_of(path: Path) -> FileState | None:
    """The state of a regular file; None for one that is gone, a link, or anything else."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if stat.S_ISLNK(found.st_mode):
        log.warning("a link in the watch folder is not followed", name=shown(path))
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileState(found.st_size, found.st_mtime_ns, found.st_ino)


def shown(path: Path) -> str:
    """The name of a file for people and logs, also where it is not UTF-8."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def _log_unreadable(error: OSError) -> None:
    log.warning(
        "a folder in the watch folder cannot be read", folder=str(error.filename), reason=error.strerror
    )
