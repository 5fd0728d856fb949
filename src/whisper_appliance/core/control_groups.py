"""The limits of this process's control group (cgroup v2) and of the groups around it; the tightest counts."""

from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def processor_limit(root: Path = ROOT, own: Path = OWN) -> float | None:
    """Processor cores that may be used (CPUQuota=, --cpus); None without a limit."""
    return _tightest(root, own, "cpu.max", _cores)


def memory_limit(root: Path = ROOT, own: Path = OWN) -> int | None:
    """Bytes of memory that may be used (MemoryMax=, --memory); None without a limit."""
    found = _tightest(root, own, "memory.max", float)
    return None if found is None else int(found)


def memory_left(root: Path = ROOT, own: Path = OWN) -> int | None:
    """Bytes of memory until the first limit is reached; None without a limit."""
    left = [
        limit - used
        for folder in _groups(root, own)
        if (limit := _value(folder / "memory.max", float)) is not None
        and (used := _value(folder / "memory.current", float)) is not None
    ]
    return max(0, int(min(left))) if left else None


def _tightest(root: Path, own: Path, name: str, parse: Callable[[str], float]) -> float | None:
    found = [value for folder in _groups(root, own) if (value := _value(folder / name, parse)) is not None]
    return min(found, default=None)


def _groups(root: Path, own: Path) -> Iterator[Path]:
    """The group of this process and all around it. In a container, `root` is the container's own."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    path = next((line[3:] for line in lines if line.startswith("0::/")), "/")
    folder = root / path.lstrip("/")
    yield folder
    while folder != root:
        folder = folder.parent
        yield folder


def _value(path: Path, parse: Callable[[str], float]) -> float | None:
    """The number in a file; None for `max`, and where there is no such file."""
    try:
        text = path.read_text().strip()
        return None if text.startswith("max") else parse(text)
    except (OSError, ValueError):
        return None


def _cores(text: str) -> float:
    quota, period = text.split()
    return int(quota) / int(period)
