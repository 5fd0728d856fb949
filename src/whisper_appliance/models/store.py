"""Model files on this machine: found, verified, imported, removed.

Precedence of sources for a name: MODEL_DIR/<name>, the hub's cache, an installed data package.
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

from whisper_appliance.core.atomic_files import link_or_copy
from whisper_appliance.core.errors import Conflict, InvalidRequest, ModelUnavailable, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.models import folders, packaged
from whisper_appliance.models.catalog import Model, canonical, catalog
from whisper_appliance.models.checksums import ChecksumCache, OnBytes
from whisper_appliance.models.events import Announce, ModelEvent, ignore

NO_FOLDER = N_("there is no such folder")
WRONG_CHECKSUM = N_("{file} does not have the checksum it should have")
NOT_COMPLETE = N_("The model {name} is not complete, perhaps it is still being copied: {problem}.")
DAMAGED_IN_FOLDER = N_("The model {name} in the folder is damaged: {problem}.")
DAMAGED_IN_CACHE = N_("The model {name} in the hub cache is damaged: {problem}.")
SET_ASIDE = N_("{problem} It was set aside as {folder}.")
ModelSource = Literal["folder", "hub cache", "package"]

# A folder that changed less than this ago may still be copied: it is not judged damaged.
_SETTLED_SECONDS = 5


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model whose files are complete on this machine. `model` is None for a custom model."""

    name: str
    source: ModelSource
    size_bytes: int
    model: Model | None


class ModelStore:
    """The models on this machine. The disk is read each time, so new folders are found without a restart."""

    def __init__(
        self,
        model_dir: Path,
        *,
        downloads_allowed: bool = True,
        hub_cache: Path | None = None,
        announce: Announce = ignore,
        now: Callable[[], datetime] = datetime.now,
        packaged: Callable[[str], packaged.Parts | None] = packaged.find_package_files,
        spare_bytes: int = 64 * 2**20,
    ) -> None:
        """`downloads_allowed` is MODEL_DOWNLOADS; `hub_cache` is by default that of the hub's own client;
        `spare_bytes` stay free on the disk after a model is written.
        """
        self.model_dir = model_dir
        self.downloads_allowed = downloads_allowed
        self._hub_cache = hub_cache or folders.default_hub_cache()
        self._announce = announce
        self._now = now
        self._packaged = packaged
        self._spare_bytes = spare_bytes
        self._checksums = ChecksumCache(model_dir / ".checked.json")
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._problems: dict[str, str] = {}

    def installed(self) -> tuple[InstalledModel, ...]:
        """Every complete model. Fast: reads no file contents."""
        found = {name: self.find(name) for name in [*catalog(), *self._own_names()]}
        return tuple(model for model in found.values() if model is not None)

    def find(self, name: str) -> InstalledModel | None:
        """The model of this name if it is complete. Fast: reads no file contents."""
        name = canonical(name)
        model = catalog().get(name)
        for path, source in self._folders(name, model):
            if folders.find_problem(path, model) is None:
                return InstalledModel(name, source, folders.size_on_disk(path), model)
        parts = self._packaged(name)
        return InstalledModel(name, "package", packaged.size_bytes(parts), model) if parts else None

    def locate(self, name: str) -> Path | None:
        """The verified folder of a model, ready to be loaded; None if it is not on this machine.

        The first call reads every file and may join parts, which takes seconds for a large model.
        A damaged folder in MODEL_DIR is renamed and the next source is tried.
        """
        return self._locate(name, again=False)

    def verify(self, name: str, on_bytes: OnBytes | None = None) -> Path:
        """Verifies every file again; returns the good folder. Raises `ModelUnavailable` or `NotFound`."""
        path = self._locate(name, again=True, on_bytes=on_bytes)
        if path is not None:
            return path
        if problem := self.file_problem(name):
            raise ModelUnavailable(problem)
        raise NotFound("The model {name!r} is not on this machine.", name=name, field="model")

    def file_problem(self, name: str) -> str | None:
        """What was wrong with the model's files at the last verification, in words."""
        return self._problems.get(canonical(name))

    def sha256(self, name: str) -> str | None:
        """The SHA-256 of the model's weights."""
        for path, _ in self._folders(canonical(name), catalog().get(canonical(name))):
            if (path / "model.bin").is_file():
                return self._checksums.sha256(path / "model.bin")
        return None

    def checkpoint(self, name: str) -> Path | None:
        """The unverified checkpoint for openai-whisper: `<name>.pt`, or `model.pt` in the model's folder."""
        name = canonical(folders.check_name(name))
        candidates = (self.model_dir / f"{folders.folder_name(name)}.pt", self.folder(name) / "model.pt")
        return next((path for path in candidates if path.is_file()), None)

    def damaged_folders(self, name: str) -> tuple[Path, ...]:
        """The damaged folders of this model, which were renamed."""
        return tuple(sorted(self.model_dir.glob(f"{folders.folder_name(canonical(name))}.damaged-*")))

    def damaged(self) -> tuple[tuple[str, Path], ...]:
        """The models that were set aside as damaged and are not here again, each with its damaged folder."""
        pairs = [(path.name.partition(".damaged-")[0], path) for path in self.model_dir.glob("*.damaged-*")]
        named = [(folders.model_name(self.model_dir / name), path) for name, path in sorted(pairs)]
        return tuple((name, path) for name, path in named if name and self.find(name) is None)

    def remove(self, name: str) -> None:
        """Deletes the model's folders, partial and damaged ones too.

        Raises `NotFound`, or `Conflict` if the model is not in MODEL_DIR.
        """
        name = canonical(folders.check_name(name))
        folder = self.folder(name)
        with self._locks[name]:
            candidates = (self.download_folder(name), *self.damaged_folders(name))
            existing = [path for path in candidates if path.is_dir()]
            existing += [folder] if folders.has_model_files(folder) else []
            if not existing:
                self._explain_why_not_removed(name)
            for path in existing:
                folders.delete(path)
        self._problems.pop(name, None)
        self._announce(ModelEvent("removed", name, f"The model {name} was removed."))

    def import_folder(self, path: Path, name: str) -> Path:
        """Imports a folder with a CTranslate2 model (hard links or copies); returns the new folder.

        Under a name of the catalogue the files must have the pinned checksums.
        Raises `InvalidRequest`, `Conflict`, `DiskFull`, `ModelUnavailable`.
        """
        name = canonical(folders.check_name(name, hub_id=False))
        model = catalog().get(name)
        if problem := folders.find_problem(path, model) if path.is_dir() else NO_FOLDER:
            raise InvalidRequest(
                "{path} cannot be imported as {name}: {problem}.",
                path=path,
                name=name,
                problem=problem,
                field="path",
            )
        with self._locks[name], self._building(name, folders.size_on_disk(path)) as new:
            for file in path.iterdir():
                if file.is_file() and file.name != folders.RECORD_FILE:
                    link_or_copy(file, new / file.name)
            if problem := self._mismatch(new, model):
                raise InvalidRequest(
                    "This is not the model {name}: {problem}. Import a model of your own under another name.",
                    name=name,
                    problem=problem,
                )
            hashes = {file.name: self._checksums.sha256(file) for file in new.iterdir()}
            folders.write_record(new, repository="", revision="", source="import", files=hashes)
            return self.adopt(name, new, hashes)

    def folder(self, name: str) -> Path:
        """The path of a model's folder in MODEL_DIR."""
        return self.model_dir / folders.folder_name(name)

    def check_space(self, size_bytes: int) -> None:
        """Raises `DiskFull` if there is no space for `size_bytes` more."""
        self.model_dir.mkdir(parents=True, exist_ok=True)
        folders.check_space(self.model_dir, size_bytes, self._spare_bytes)

    def download_folder(self, name: str) -> Path:
        """The folder of the partial files of a download."""
        return self.model_dir / ".downloads" / folders.folder_name(name)

    def adopt(self, name: str, new: Path, sha256: Mapping[str, str]) -> Path:
        """Moves a complete and verified folder to MODEL_DIR. Raises `Conflict` if the model exists."""
        target = self.folder(name)
        if target.is_dir():
            raise Conflict("There is already a model named {name}. Remove it first.", name=name, field="name")
        new.rename(target)
        for file, digest in sha256.items():
            self._checksums.remember(target / file, digest)
        self._problems.pop(name, None)
        return target

    def _locate(self, name: str, *, again: bool, on_bytes: OnBytes | None = None) -> Path | None:
        name = canonical(folders.check_name(name))
        model = catalog().get(name)
        with self._locks[name]:
            for path, source in self._folders(name, model):
                if self._is_good(name, path, source, model, again, on_bytes):
                    return path
            return self._unpack(name, model)

    def _folders(self, name: str, model: Model | None) -> Iterator[tuple[Path, ModelSource]]:
        if self.folder(name).is_dir():
            yield self.folder(name), "folder"
        for path in folders.snapshots(self._hub_cache, model) if model else ():
            yield path, "hub cache"

    def _own_names(self) -> list[str]:
        entries = sorted(path for path in self.model_dir.glob("*") if path.is_dir())
        return [name for path in entries if (name := folders.model_name(path)) and name not in catalog()]

    def _is_good(
        self,
        name: str,
        path: Path,
        source: ModelSource,
        model: Model | None,
        again: bool,
        on_bytes: OnBytes | None,
    ) -> bool:
        missing = folders.find_problem(path, model)
        problem = missing or self._mismatch(path, model, again=again, on_bytes=on_bytes)
        if problem is None:
            self._problems.pop(name, None)
            return True
        settled = self._now().timestamp() - folders.last_change(path) >= _SETTLED_SECONDS
        if not settled or (missing and model is None):
            self._problems[name] = NOT_COMPLETE.format(name=name, problem=problem)
            return False
        self._report_damage(
            name,
            (DAMAGED_IN_FOLDER if source == "folder" else DAMAGED_IN_CACHE).format(
                name=name, problem=problem
            ),
            path if source == "folder" else None,
        )
        return False

    def _report_damage(self, name: str, problem: str, folder: Path | None) -> None:
        if folder is not None:
            aside = folder.with_name(f"{folder.name}.damaged-{self._now():%Y%m%d-%H%M%S}")
            folder.rename(aside)
            problem = SET_ASIDE.format(problem=problem, folder=aside.name)
        self._problems[name] = problem
        self._announce(ModelEvent("damaged", name, problem))

    def _mismatch(
        self, path: Path, model: Model | None, *, again: bool = False, on_bytes: OnBytes | None = None
    ) -> str | None:
        for file, checksum in folders.checksums(path, model).items():
            if not (path / file).is_file():
                return folders.IS_MISSING.format(file=file)
            if not self._checksums.matches(path / file, checksum, again=again, on_bytes=on_bytes):
                return WRONG_CHECKSUM.format(file=file)
        return None

    def _unpack(self, name: str, model: Model | None) -> Path | None:
        """Copies a model from an installed data package to MODEL_DIR."""
        parts = self._packaged(name)
        if parts is None or self.folder(name).is_dir():
            return None
        with self._building(name, packaged.size_bytes(parts)) as new:
            hashes = {file: packaged.join_parts(paths, new / file) for file, paths in parts.items()}
            pinned = {file: pin.sha256 for file, pin in model.files.items() if pin.sha256} if model else {}
            if wrong := [file for file in hashes if pinned.get(file, hashes[file]) != hashes[file]]:
                self._report_damage(
                    name, f"The installed package of {name} is damaged: {', '.join(wrong)}.", None
                )
                return None
            folders.write_record(new, repository="", revision="", source="package", files=hashes)
            return self.adopt(name, new, hashes)

    @contextmanager
    def _building(self, name: str, size_bytes: int) -> Iterator[Path]:
        """A new hidden folder in MODEL_DIR; it is deleted at the end unless it was adopted."""
        new: Path | None = None
        try:
            self.check_space(size_bytes)
            new = folders.make_hidden(self.model_dir, name)
            yield new
        except OSError as error:
            raise ModelUnavailable(
                "The model {name} cannot be written to {model_dir}: {strerror}.",
                name=name,
                model_dir=self.model_dir,
                strerror=error.strerror,
            ) from error
        finally:
            if new is not None:
                shutil.rmtree(new, ignore_errors=True)

    def _explain_why_not_removed(self, name: str) -> NoReturn:
        found = self.find(name)
        if found is None:
            raise NotFound("The model {name!r} is not on this machine.", name=name, field="model")
        raise Conflict(
            "The model {name} is in the {source}, not in {model_dir}; remove it there.",
            name=name,
            source=found.source,
            model_dir=self.model_dir,
        )
