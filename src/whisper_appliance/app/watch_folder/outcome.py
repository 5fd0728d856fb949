"""Outcome of a watched recording: results are written, and the recording is moved out of the way."""

import os
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

from whisper_appliance.app.watch_folder.candidates import DONE, FAILED
from whisper_appliance.core.atomic_files import move


def finish(recording: Path, folder: Path, outputs: Path | None, results: Mapping[str, bytes]) -> Path:
    """Writes the results by extension, and moves the recording to `done`; returns where it is now.

    Results stand beside it, or in `outputs`, in the same subfolders. A repeated call after a crash writes
    the same files again.
    """
    relative = recording.relative_to(folder)
    target = _free(folder / DONE / relative, recording)
    base = (outputs / relative).with_name(target.name) if outputs else target
    for extension, data in results.items():
        _write(_result_path(base, extension, data), data)
    _move(recording, target)
    return target


def fail(recording: Path, folder: Path, message: str) -> Path:
    """Moves the recording to `failed`, with the reason in a text file beside it; returns where it is now."""
    target = _free(folder / FAILED / recording.relative_to(folder), recording)
    _write(target.with_name(f"{target.name}.error.txt"), f"{message}\n".encode())
    _move(recording, target)
    return target


def _result_path(base: Path, extension: str, data: bytes) -> Path:
    """talk.mp4 becomes talk.srt, or talk.mp4.srt if another recording of that name has results there."""
    for name in (f"{base.stem}{extension}", f"{base.name}{extension}"):
        path = base.with_name(name)
        if not path.exists() or path.read_bytes() == data:
            return path
    return next(path for path in _numbered(base.with_name(f"{base.name}{extension}")) if not path.exists())


def _free(target: Path, recording: Path) -> Path:
    """The target, or one with a number if another file has its name."""
    return next(path for path in _numbered(target) if not os.path.lexists(path) or _is_same(path, recording))


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    yield from (path.with_name(f"{path.stem} ({number}){path.suffix}") for number in count(2))


def _is_same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def _write(path: Path, data: bytes) -> None:
    """Writes a file that is whole as soon as it has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _move(recording: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    move(recording, target)  # a subfolder, or `done`, may be a share of its own
