"""Status of models, as plain data: Model (catalogue), InstalledModel (disk), ModelStatus (all together)."""

from dataclasses import dataclass
from typing import Literal

from whisper_appliance.engines.process.client import EngineStatus
from whisper_appliance.models.catalog import Languages, catalog
from whisper_appliance.models.download_task import DownloadState
from whisper_appliance.models.hardware import Machine
from whisper_appliance.models.store import InstalledModel

# `idle`: installed, and loaded by the next request. `missing`: not installed.
ModelAvailability = Literal["ready", "idle", "loading", "downloading", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model of the catalogue, or a custom one (then without languages and licence).

    `translates`: it can write English when another language is spoken; a custom one may.
    """

    name: str
    state: ModelAvailability
    reason: str | None
    default: bool
    installed: bool
    loaded: bool
    in_use: int
    fits: bool
    description: str
    languages: Languages | None
    translates: bool
    licence: str | None
    disk_bytes: int | None
    download_bytes: int | None
    memory_bytes: int | None
    memory_estimate_bytes: int | None
    download: DownloadState | None
    engine: EngineStatus | None

    @property
    def progress(self) -> float | None:
        """Progress of the download, 0 to 1; None without one."""
        return self.download.progress if self.download and self.download.active else None


@dataclass(frozen=True, slots=True)
class ModelsStatus:
    """The status of all models. `reason` is why the default model cannot be used, in a sentence."""

    default: str
    state: ModelAvailability
    reason: str | None
    progress: float | None
    models: tuple[ModelStatus, ...]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What `describe` needs for the status of one model."""

    name: str
    default: bool
    installed: InstalledModel | None
    loading: bool
    in_use: int
    engine: EngineStatus | None
    download: DownloadState | None
    problem: str | None
    machine: Machine
    compute_type: str


def describe(facts: ModelFacts) -> ModelStatus:
    """Combines the facts with the catalogue."""
    model = catalog().get(facts.name)
    state, reason = _state(facts)
    compute_type = facts.machine.compute_type(facts.compute_type)
    return ModelStatus(
        name=facts.name,
        state=state,
        reason=reason,
        default=facts.default,
        installed=facts.installed is not None,
        loaded=facts.engine is not None,
        in_use=facts.in_use,
        fits=facts.machine.fits(model, compute_type) if model else True,
        description=model.description if model else "A model of your own.",
        languages=model.languages if model else None,
        translates=model.translates if model else True,
        licence=model.licence if model else None,
        disk_bytes=facts.installed.size_bytes if facts.installed else None,
        download_bytes=model.download_bytes if model else None,
        memory_bytes=facts.engine.memory_bytes if facts.engine else None,
        memory_estimate_bytes=model.memory_bytes(compute_type) if model else None,
        download=facts.download,
        engine=facts.engine,
    )


def _state(facts: ModelFacts) -> tuple[ModelAvailability, str | None]:
    engine, download = facts.engine, facts.download
    if engine is not None and engine.state == "failed":
        return "failed", engine.reason
    if engine is not None and engine.state != "loading":
        return "ready", None
    if facts.loading:
        return "loading", None
    if download is not None and download.active:
        return "downloading", facts.problem
    if facts.installed is not None:
        return "idle", None
    if download is not None and download.error:
        return "missing", f"The model {facts.name} could not be downloaded: {download.error}"
    return "missing", facts.problem or f"The model {facts.name} is not on this machine."
