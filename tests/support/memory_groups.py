"""A control group of Linux with little memory, into which a test puts processes."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.wait import wait_until

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryGroup:
    """The folder of the group, and its file with the number of processes that the kernel killed."""

    folder: Path
    events: Path

    def add(self, pid: int) -> None:
        """Puts a process into it; what the process has allocated before does not count."""
        with suppress(ProcessLookupError, OSError):  # it has ended
            (self.folder / "cgroup.procs").write_text(str(pid))

    @property
    def kills(self) -> int:
        """How many processes the kernel has killed because the memory of the group was full."""
        lines = (line.split() for line in self.events.read_text().splitlines())
        return int(dict(lines)["oom_kill"])


@contextmanager
def memory_group(most_bytes: int) -> Iterator[MemoryGroup]:
    """A new group with so much memory; skips the test where groups cannot be made."""
    first = (ROOT / "memory").is_dir()
    parent, limit, events = (
        (ROOT / "memory", "memory.limit_in_bytes", "memory.oom_control")
        if first
        else (ROOT, "memory.max", "memory.events")
    )
    folder = parent / f"appliance-{uuid4().hex}"
    try:
        folder.mkdir()
        (folder / limit).write_text(str(most_bytes))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield MemoryGroup(folder, folder / events)
    finally:
        wait_until(lambda: _removed(folder))


def _removed(folder: Path) -> bool:
    """Removes the group, whose processes go to the group above it; False if one was quicker."""
    for pid in (folder / "cgroup.procs").read_text().split():
        with suppress(OSError):
            (folder.parent / "cgroup.procs").write_text(pid)
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
