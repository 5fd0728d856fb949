"""Other file systems, for what must also work when folders are on different disks."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DISK_BYTES = 24 * 2**20
OTHER_FOLDERS = (Path("/dev/shm"), Path(tempfile.gettempdir()))
"""The tests' own folders are in one of them; often the other one is on another file system."""


@contextmanager
def mounted(folder: Path, size_bytes: int = DISK_BYTES) -> Iterator[None]:
    """A small disk at this folder, which is made if it is missing."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    result = subprocess.run(mount, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"mounting a small disk needs root: {result.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(disk: Path, leave_bytes: int = 0) -> Iterator[None]:
    """No space on the disk, for a while."""
    fill(disk, leave_bytes)
    try:
        yield
    finally:
        (disk / "filler").unlink()


def fill(disk: Path, leave_bytes: int = 0) -> None:
    """Another file fills the disk."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with filler.open("ab") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, max(1, filler.stat().st_size + free - leave_bytes))
        except OSError:
            return


@pytest.fixture
def second_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty folder on another file system than `tmp_path`."""
    own = tmp_path.stat().st_dev
    others = [folder for folder in OTHER_FOLDERS if folder.is_dir() and folder.stat().st_dev != own]
    if not others:
        with mounted(tmp_path / "second-disk"):
            yield tmp_path / "second-disk"
        return
    with tempfile.TemporaryDirectory(dir=others[0]) as folder:
        yield Path(folder)
