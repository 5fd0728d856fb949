"""Models as the admin panel shows them: plain data."""

from dataclasses import dataclass

from whisper_appliance.models import folders
from whisper_appliance.models.download_task import DownloadPhase, DownloadState
from whisper_appliance.models.status import ModelAvailability
from whisper_appliance.models.store import ModelSource
from whisper_appliance.models.tasks import ModelTask


@dataclass(frozen=True, slots=True)
class DownloadView:
    """A running download, or how the last one ended."""

    state: DownloadPhase
    progress: float
    done_bytes: int
    total_bytes: int | None
    bytes_per_second: float | None
    eta_seconds: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model. `source` is where its files are; only those in MODEL_DIR (`folder`) can be deleted.

    `common`: one that most people choose from, or one of their own.
    """

    name: str
    state: ModelAvailability
    reason: str | None
    default: bool
    loaded: bool
    in_use: int
    fits: bool
    recommended: bool
    common: bool
    description: str
    languages: str | None
    licence: str | None
    repository: str | None
    source: ModelSource | None
    deletable: bool
    disk_bytes: int | None
    download_bytes: int | None
    memory_bytes: int | None
    memory_estimate_bytes: int | None
    device: str | None
    compute_type: str | None
    download: DownloadView | None
    errand: ModelTask | None


@dataclass(frozen=True, slots=True)
class ModelListView:
    """All models, their memory and disk. `default_fixed` is the reason why the default cannot change."""

    models: tuple[ModelView, ...]
    advice: str
    memory_bytes: int
    available_bytes: int
    models_memory_bytes: int
    model_dir: str
    free_disk_bytes: int | None
    downloads_allowed: bool
    default_fixed: str | None


def view_of_arriving_model(download: DownloadState | None, errand: ModelTask | None) -> ModelView:
    """The view of a model outside the catalogue that is not installed yet."""
    name = download.name if download else errand.model if errand else ""
    active = download is not None and download.active
    return ModelView(
        name=name,
        state="downloading" if active else "missing",
        reason=None,
        default=False,
        loaded=False,
        in_use=0,
        fits=True,
        recommended=False,
        common=True,
        description="A model of your own.",
        languages=None,
        licence=None,
        repository=name if folders.is_hub_id(name) else None,
        source=None,
        deletable=not active and (errand is None or errand.state != "running"),
        disk_bytes=None,
        download_bytes=download.total_bytes if download else None,
        memory_bytes=None,
        memory_estimate_bytes=None,
        device=None,
        compute_type=None,
        download=view_of_download(download),
        errand=errand,
    )


def view_of_download(download: DownloadState | None) -> DownloadView | None:
    """The view of a download; None once it is done."""
    if download is None or download.state == "done":
        return None
    return DownloadView(
        state=download.state,
        progress=download.progress,
        done_bytes=download.done_bytes,
        total_bytes=download.total_bytes,
        bytes_per_second=download.bytes_per_second,
        eta_seconds=download.eta_seconds,
        error=download.error,
    )
