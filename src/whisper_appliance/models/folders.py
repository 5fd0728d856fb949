"""The folder of a model: its name, whether it is whole, and which checksums its files should have."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from whisper_appliance.core.errors import DiskFull, InvalidRequest
from whisper_appliance.models.catalog import Model
from whisper_appliance.models.checksums import read_json, write_json

RECORD = "verified.json"
_ABANDONED_SECONDS = 3600
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def check_name(name: str, *, hub_id: bool = True) -> str:
    """The name, when it can be the name of a model. Raises `InvalidRequest`."""
    plain = _NAME.fullmatch(name) is not None and "--" not in name
    if not (plain or (hub_id and is_hub_id(name))) or ".." in name or ".damaged-" in name:
        raise InvalidRequest(
            f"{name!r} cannot be the name of a model. Use letters, digits, dots, dashes and underscores.",
            field="model",
        )
    return name


def is_hub_id(name: str) -> bool:
    """Whether the name is a repository of the hub: organisation/name."""
    return _HUB_ID.fullmatch(name) is not None


def folder_name(name: str) -> str:
    """The folder that holds the model of this name; `org/name` becomes `org--name`."""
    return name.replace("/", "--")


def model_name(folder: Path) -> str | None:
    """The name of the model that a folder of this name holds; None when it cannot be one."""
    name = folder.name.replace("--", "/", 1)
    usable = (_NAME.fullmatch(name) or is_hub_id(name)) and ".damaged-" not in name
    return name if usable else None


def what_is_missing(folder: Path, model: Model | None) -> str | None:
    """What keeps the folder from being a model, in words; None when it is whole. Reads no file's content."""
    for name in model.files if model else ("model.bin", "config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            return f"{name} is missing"
    if not any((folder / name).is_file() for name in ("vocabulary.txt", "vocabulary.json")):
        return "vocabulary.txt or vocabulary.json is missing"
    for name, file in model.files.items() if model else ():
        size = (folder / name).stat().st_size
        if file.size_bytes is not None and size != file.size_bytes:
            return f"{name} has {size:,} bytes and should have {file.size_bytes:,}"
    return None


def checksums(folder: Path, model: Model | None) -> dict[str, str]:
    """The checksum each file should have, by the strongest word there is: catalogue, record, hub's cache."""
    recorded = read_json(folder / RECORD).get("files", {})
    pinned = {name: file.sha256 for name, file in model.files.items() if file.sha256} if model else {}
    return {**dict(_blob_names(folder)), **recorded, **pinned}


def record(folder: Path, *, repository: str, revision: str, source: str, files: Mapping[str, str]) -> None:
    """Writes down, beside the files, where they are from and the sha256 they were verified to have."""
    content = {"repository": repository, "revision": revision, "source": source, "files": dict(files)}
    write_json(folder / RECORD, content)


def size_on_disk(folder: Path) -> int:
    """Bytes of the files in the folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def snapshots(hub_cache: Path, model: Model) -> list[Path]:
    """The folders of this model in the hub's cache, the pinned revision first."""
    parent = hub_cache / f"models--{folder_name(model.repository)}" / "snapshots"
    found = [path for path in sorted(parent.glob("*")) if path.is_dir()]
    return sorted(found, key=lambda path: path.name != model.revision)


def default_hub_cache() -> Path:
    """Where the hub's own client keeps what it downloaded."""
    environment = os.environ
    if explicit := environment.get("HF_HUB_CACHE"):
        return Path(explicit).expanduser()
    cache = Path(environment.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    home = Path(environment.get("HF_HOME") or cache / "huggingface").expanduser()
    return home / "hub"


def last_change(folder: Path) -> float:
    """When anything in the folder was last written, as seconds since 1970. Copied times do not deceive it."""
    return max(path.stat().st_ctime for path in [folder, *folder.iterdir()])


def check_space(folder: Path, size_bytes: int, spare_bytes: int) -> None:
    """Raises `DiskFull` when so many bytes more would leave less than `spare_bytes` on this disk."""
    free = shutil.disk_usage(folder).free
    if free < size_bytes + spare_bytes:
        need = f"{(size_bytes + spare_bytes) / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free"
        raise DiskFull(f"There is not enough space in {folder}: {need}.")


def make_hidden(parent: Path, name: str) -> Path:
    """A new folder in which a model is put together; what a crash left of earlier ones is deleted."""
    prefix = f".{folder_name(name)}."
    for left in parent.glob(f"{prefix}*.part"):
        if time.time() - last_change(left) > _ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=prefix, suffix=".part", dir=parent))
    new.chmod(0o755)
    return new


def delete(folder: Path) -> None:
    """Out of sight first, so that a half deleted folder is never taken for a model."""
    if folder.is_dir():
        hidden = folder.with_name(f".{folder.name}.removed")
        folder.rename(hidden)
        shutil.rmtree(hidden)


def _blob_names(folder: Path) -> Iterator[tuple[str, str]]:
    """The hub's cache names the content of a file by its checksum, and links to it."""
    for path in folder.iterdir():
        blob = path.resolve().name if path.is_symlink() else ""
        if _BLOB.fullmatch(blob):
            yield path.name, blob
