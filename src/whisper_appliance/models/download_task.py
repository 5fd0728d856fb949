"""Download of one model from the hub: lists its files, fetches and verifies each, adopts the folder."""

import errno
import fcntl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from whisper_appliance.core.errors import ApplianceError, Cancelled, Conflict, DiskFull, NotFound, Unavailable
from whisper_appliance.models import folders
from whisper_appliance.models.catalog import Model
from whisper_appliance.models.checksums import SHA256_DIGITS, has_checksum, sha256_of
from whisper_appliance.models.hub import Hub, RemoteFile
from whisper_appliance.models.store import ModelStore

DownloadPhase = Literal["running", "verifying", "done", "failed", "cancelled"]

# The files of a model in CTranslate2 format; a repository may contain others.
_PATTERNS = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")


@dataclass(frozen=True, slots=True)
class DownloadState:
    """Progress of a download. Bytes of earlier attempts count as done; the rate is of this attempt."""

    name: str
    state: DownloadPhase = "running"
    done_bytes: int = 0
    total_bytes: int | None = None
    bytes_per_second: float | None = None
    error: str | None = None

    @property
    def active(self) -> bool:
        """Whether it is still running."""
        return self.state in ("running", "verifying")

    @property
    def progress(self) -> float:
        """0 to 1."""
        if self.state == "done":
            return 1.0
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 0.0

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until all bytes are downloaded at this rate."""
        if not self.active or not self.bytes_per_second or self.total_bytes is None:
            return None
        return (self.total_bytes - self.done_bytes) / self.bytes_per_second


class DownloadTask:
    """Downloads one model. `on_change` is called with each new state; `run` blocks, so it needs a thread."""

    def __init__(
        self,
        name: str,
        model: Model | None,
        store: ModelStore,
        hub: Hub,
        on_change: Callable[[DownloadState], None],
        clock: Callable[[], float],
    ) -> None:
        self._model = model
        self._repository = model.repository if model else name
        self._store = store
        self._hub = hub
        self._on_change = on_change
        self._clock = clock
        self._began = clock()
        self._arrived = 0
        self.status = DownloadState(name)
        self.cancelled = threading.Event()

    def run(self) -> None:
        """Fetches missing files, verifies them and adopts the model. Reports errors through `on_change`."""
        try:
            with _disk_errors_in_words(), self._exclusive():
                self._fetch_all()
        except Cancelled:
            self._set(state="cancelled")
        except ApplianceError as error:
            self._set(state="failed", error=error.message)
        else:
            self._set(state="done")
        finally:
            if self.status.active:
                self._set(
                    state="failed",
                    error=f"The download of {self.status.name} stopped unexpectedly; see the log.",
                )

    @property
    def folder(self) -> Path:
        """The folder of the partial files. The next download continues what a stopped one left."""
        return self._store.download_folder(self.status.name)

    def _fetch_all(self) -> None:
        listing = self._hub.list_files(self._repository, self._model.revision if self._model else None)
        wanted = self._wanted(listing.files)
        total = sum(file.size_bytes for file in wanted.values())
        done = sum(min(_bytes_on_disk(self.folder / name), file.size_bytes) for name, file in wanted.items())
        self._store.check_space(total - done)
        self._set(total_bytes=total, done_bytes=done)
        hashes = {name: self._fetch(name, file, listing.revision) for name, file in wanted.items()}
        for path in self.folder.iterdir():
            if path.name not in wanted:
                path.unlink()
        folders.write_record(
            self.folder, repository=self._repository, revision=listing.revision, source="hub", files=hashes
        )
        self._store.adopt(self.status.name, self.folder, hashes)

    def _wanted(self, offered: Mapping[str, RemoteFile]) -> dict[str, RemoteFile]:
        """The files to fetch with their checksums: the pinned one if the catalogue has it."""
        wanted = {name: file for name, file in offered.items() if _is_wanted(name)}
        needed = self._model.files if self._model else {"model.bin", "config.json", "tokenizer.json"}
        if missing := [name for name in needed if name not in wanted]:
            raise NotFound(
                "{repository} is not a model for this engine: it has no {missing}.",
                repository=self._repository,
                missing=", ".join(missing),
            )
        for name, pin in self._model.files.items() if self._model else ():
            if pin.sha256:
                if len(wanted[name].checksum) == SHA256_DIGITS and wanted[name].checksum != pin.sha256:
                    raise Unavailable(
                        "The hub offers another {file} for {model} than the pinned one.",
                        file=name,
                        model=self.status.name,
                    )
                wanted[name] = replace(wanted[name], checksum=pin.sha256)
        return wanted

    def _fetch(self, name: str, file: RemoteFile, revision: str) -> str:
        """Fetches and verifies one file; returns its SHA-256."""
        target, part = self.folder / name, self.folder / f"{name}.part"
        if not target.exists() or not has_checksum(target, file.checksum):
            target.unlink(missing_ok=True)
            address = self._hub.file_url(self._repository, revision, name)
            self._hub.fetch(
                address, part, size_bytes=file.size_bytes, on_bytes=self._count, cancelled=self.cancelled
            )
            self._set(state="verifying")
            if not has_checksum(part, file.checksum):
                part.replace(self.folder / f"{name}.wrong")
                raise Unavailable(
                    "{name} has another checksum than published, so it is not used. Try again.", name=name
                )
            part.replace(target)
            self._set(state="running")
        return sha256_of(target)

    def _count(self, count: int) -> None:
        self._arrived += count
        seconds = self._clock() - self._began
        self._set(
            done_bytes=self.status.done_bytes + count,
            bytes_per_second=max(0.0, self._arrived / seconds) if seconds > 0 else None,
        )

    def _set(self, **changes: object) -> None:
        self.status = replace(self.status, **changes)  # type: ignore[arg-type] # fields of Download, by name
        self._on_change(self.status)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Locks the folder against other processes that download the same model. Raises `Conflict`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.folder.with_name(f"{self.folder.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    "Another process is downloading {name} already.", name=self.status.name
                ) from None
            yield


@contextmanager
def _disk_errors_in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                "The disk is full. Free some space; the download continues where it stopped."
            ) from error
        raise Unavailable(
            "The model folder cannot be written to: {strerror}.", strerror=error.strerror
        ) from error


def _bytes_on_disk(target: Path) -> int:
    """Bytes of the file that were downloaded already, complete or partial."""
    for path in (target, target.with_name(f"{target.name}.part")):
        if path.exists():
            return path.stat().st_size
    return 0


def _is_wanted(name: str) -> bool:
    """Whether a file belongs to a model. Files of subfolders do not, and a path could lead anywhere."""
    return "/" not in name and any(fnmatch(name, pattern) for pattern in _PATTERNS)
