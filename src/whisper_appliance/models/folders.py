"""Model folders: names, completeness, expected checksums, disk space, deletion."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from whisper_appliance.core.atomic_files import write_json
from whisper_appliance.core.errors import DiskFull, InvalidRequest
from whisper_appliance.core.i18n import N_
from whisper_appliance.models.catalog import Model
from whisper_appliance.models.checksums import read_json

IS_MISSING = N_("the file {file} is missing")
NO_VOCABULARY = N_("vocabulary.txt or vocabulary.json is missing")
WRONG_SIZE = N_("{file} has {size} bytes and should have {expected}")
RECORD_FILE = "verified.json"
_ABANDONED_SECONDS = 3600
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def check_name(name: str, *, hub_id: bool = True) -> str:
    """Returns a valid model name. Raises `InvalidRequest`."""
    plain = _NAME.fullmatch(name) is not None and "--" not in name
    if not (plain or (hub_id and is_hub_id(name))) or ".." in name or ".damaged-" in name:
        raise InvalidRequest(
            "{name!r} cannot be the name of a model. Use letters, digits, dots, dashes and underscores.",
            name=name,
            field="model",
        )
    return name


def is_hub_id(name: str) -> bool:
    """Whether the name is a repository of the hub: organization/name."""
    return _HUB_ID.fullmatch(name) is not None


def folder_name(name: str) -> str:
    """The name of a model's folder; `org/name` becomes `org--name`."""
    return name.replace("/", "--")


def model_name(folder: Path) -> str | None:
    """The model name of a folder; None if it is not a valid one."""
    name = folder.name.replace("--", "/", 1)
    usable = (_NAME.fullmatch(name) or is_hub_id(name)) and ".damaged-" not in name
    return name if usable else None


def find_problem(folder: Path, model: Model | None) -> str | None:
    """Why the folder is not a complete model, in words; None if it is. Reads no file contents."""
    for name in model.files if model else ("model.bin", "config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            return IS_MISSING.format(file=name)
    if not any((folder / name).is_file() for name in ("vocabulary.txt", "vocabulary.json")):
        return NO_VOCABULARY
    for name, file in model.files.items() if model else ():
        size = (folder / name).stat().st_size
        if file.size_bytes is not None and size != file.size_bytes:
            return WRONG_SIZE.format(file=name, size=f"{size:,}", expected=f"{file.size_bytes:,}")
    return None


def has_model_files(folder: Path) -> bool:
    """Whether a folder holds a model, or a part of one."""
    return any((folder / name).is_file() for name in ("model.bin", "model.pt", "config.json", RECORD_FILE))


def checksums(folder: Path, model: Model | None) -> dict[str, str]:
    """The expected checksum of each file. Precedence: catalogue, record, blob names of the hub's cache."""
    recorded = read_json(folder / RECORD_FILE).get("files", {})
    pinned = {name: file.sha256 for name, file in model.files.items() if file.sha256} if model else {}
    return {**dict(_blob_names(folder)), **recorded, **pinned}


def write_record(
    folder: Path, *, repository: str, revision: str, source: str, files: Mapping[str, str]
) -> None:
    """Writes the record beside the files: where they came from, and their verified SHA-256."""
    content = {"repository": repository, "revision": revision, "source": source, "files": dict(files)}
    write_json(folder / RECORD_FILE, content)


def size_on_disk(folder: Path) -> int:
    """Bytes of the files in the folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def snapshots(hub_cache: Path, model: Model) -> list[Path]:
    """The snapshot folders of a model in the hub's cache, the pinned revision first."""
    parent = hub_cache / f"models--{folder_name(model.repository)}" / "snapshots"
    found = [path for path in sorted(parent.glob("*")) if path.is_dir()]
    return sorted(found, key=lambda path: path.name != model.revision)


def default_hub_cache() -> Path:
    """The cache folder of `huggingface_hub`."""
    environment = os.environ
    if explicit := environment.get("HF_HUB_CACHE"):
        return _expanded(explicit)
    cache = _expanded(environment.get("XDG_CACHE_HOME") or "~/.cache")
    return _expanded(environment.get("HF_HOME") or str(cache / "huggingface")) / "hub"


def _expanded(path: str) -> Path:
    """As `os.path.expanduser`: a user without a home folder has a cache that does not exist."""
    return Path(os.path.expanduser(path)).absolute()


def last_change(folder: Path) -> float:
    """Time of the last change in the folder (seconds since 1970), by ctime, because copies preserve mtime."""
    return max(path.stat().st_ctime for path in [folder, *folder.iterdir()])


def check_space(folder: Path, size_bytes: int, spare_bytes: int) -> None:
    """Raises `DiskFull` if writing `size_bytes` would leave less than `spare_bytes` free."""
    free = shutil.disk_usage(folder).free
    if free < size_bytes + spare_bytes:
        need = f"{(size_bytes + spare_bytes) / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free"
        raise DiskFull("There is not enough space in {folder}: {need}.", folder=folder, need=need)


def make_hidden(parent: Path, name: str) -> Path:
    """A new hidden folder in which a model is assembled. Deletes old ones that a crash left behind."""
    prefix = f".{folder_name(name)}."
    for left in parent.glob(f"{prefix}*.part"):
        if time.time() - last_change(left) > _ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=prefix, suffix=".part", dir=parent))
    new.chmod(0o755)
    return new


def delete(folder: Path) -> None:
    """Deletes a folder. It is renamed first, so that a half deleted folder is never found as a model."""
    if folder.is_dir():
        hidden = folder.with_name(f".{folder.name}.removed")
        folder.rename(hidden)
        shutil.rmtree(hidden)


def _blob_names(folder: Path) -> Iterator[tuple[str, str]]:
    """Checksums of files in the hub's cache, which are links to blobs named by their checksum."""
    for path in folder.iterdir():
        blob = path.resolve().name if path.is_symlink() else ""
        if _BLOB.fullmatch(blob):
            yield path.name, blob
