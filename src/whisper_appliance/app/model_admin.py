"""Administration of models: list, load, download, verify, import, delete."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from whisper_appliance.app.model_views import (
    ModelListView,
    ModelView,
    view_of_arriving_model,
    view_of_download,
)
from whisper_appliance.core.errors import Conflict, InvalidRequest
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.models import folders, hardware
from whisper_appliance.models.catalog import canonical, catalog
from whisper_appliance.models.checksums import OnBytes
from whisper_appliance.models.default_model import DefaultModel
from whisper_appliance.models.download_task import DownloadState
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.manager import ModelManager
from whisper_appliance.models.status import ModelStatus
from whisper_appliance.models.store import ModelStore
from whisper_appliance.models.tasks import ModelTask, ModelTasks


class ModelAdmin:
    """What an administrator does with models. Long work runs as a `ModelTask`, listed by `list_models`."""

    def __init__(
        self,
        models: ModelManager[EngineProcess],
        store: ModelStore,
        downloads: Downloads,
        choice: DefaultModel,
    ) -> None:
        self._models = models
        self._store = store
        self._downloads = downloads
        self._default = choice
        self._tasks = ModelTasks()

    def list_models(self) -> ModelListView:
        """The state of all models. Reads no file contents and sends no network request."""
        advice, machine = self._models.recommendation(), hardware.this_machine()
        by_name = {model.name: model for model in self._models.get_status().models}
        seen = [self._view(model, advice.recommended) for model in by_name.values()]
        seen += [
            view_of_arriving_model(download, self._tasks.get(name))
            for name, download in self._arrivals(by_name)
        ]
        return ModelListView(
            models=tuple(seen),
            advice=advice.text,
            memory_bytes=machine.memory_bytes,
            available_bytes=machine.available_bytes,
            models_memory_bytes=sum(model.memory_bytes or 0 for model in seen),
            model_dir=str(self._store.model_dir),
            free_disk_bytes=_free_bytes(self._store.model_dir),
            downloads_allowed=self._store.downloads_allowed,
            default_fixed=self._default_fixed(),
        )

    def load(self, name: str) -> ModelTask:
        """Loads a model in the background. Raises `NotFound`, `Conflict`."""
        name = self._models.canonical_name(name)

        def work(_read: OnBytes) -> str:
            with self._models.engine(name):
                return f"The model {name} is being read into memory."

        return self._tasks.start("load", name, work)

    def make_default(self, name: str, by: str) -> ModelTask:
        """Loads a model and makes it the default. Raises `Conflict` if WHISPER_MODEL is fixed."""
        self._default.check_changeable()
        name = self._models.canonical_name(name)

        def work(_read: OnBytes) -> str:
            self._models.load_model(name, by)
            return f"{name} is the default model now."

        return self._tasks.start("default", name, work)

    def unload(self, name: str) -> None:
        """Unloads a model and frees its memory. Raises `Conflict` while it is in use."""
        self._models.unload(self._models.canonical_name(name))

    def verify(self, name: str) -> ModelTask:
        """Reads every file of a model and compares its checksum."""
        name = self._models.canonical_name(name)
        found = self._store.find(name)
        if found is None:
            raise Conflict(
                "The model {name} is not on this machine, so there is nothing to verify.", name=name
            )

        def work(read: OnBytes) -> str:
            self._store.verify(name, read)
            return "Every file has the right checksum."

        return self._tasks.start("verify", name, work, total_bytes=found.size_bytes)

    def import_folder(self, folder: str, name: str) -> ModelTask:
        """Imports a model from a folder of this machine. Raises `InvalidRequest`."""
        path = Path(folder).expanduser()
        if not path.is_absolute():
            raise InvalidRequest("Enter the absolute path of the folder.", field="folder")
        name = canonical(folders.check_name(name, hub_id=False))

        def work(_read: OnBytes) -> str:
            self._store.import_folder(path, name)
            return f"The model {name} is imported."

        return self._tasks.start("import", name, work)

    def download(self, name: str) -> DownloadState:
        """Downloads a model of the catalogue, or of the hub (`org/name`). Raises `NotFound`, `NotAllowed`."""
        self._tasks.dismiss(canonical(name))
        return self._downloads.start(folders.check_name(name))

    def cancel_download(self, name: str) -> DownloadState:
        """Cancels a download; the bytes that arrived are kept for the next try."""
        return self._downloads.cancel(name)

    def remove(self, name: str) -> None:
        """Deletes a model. Raises `NotFound`; `Conflict` if it is used, default, or outside MODEL_DIR."""
        name = canonical(folders.check_name(name))
        if name == self._models.default:
            raise Conflict("{name} is the default model. Make another one the default first.", name=name)
        errand = self._tasks.get(name)
        if errand is not None and errand.state == "running":
            raise Conflict("A task of the model {name} is running. Wait until it ends.", name=name)
        if errand is None or errand.kind != "import" or self._is_ours(name):
            self._models.remove(name)
        self._tasks.dismiss(name)

    def _view(self, model: ModelStatus, recommended: str) -> ModelView:
        found = self._store.find(model.name)
        entry = catalog().get(model.name)
        return ModelView(
            name=model.name,
            state=model.state,
            reason=model.reason,
            default=model.default,
            loaded=model.loaded,
            in_use=model.in_use,
            fits=model.fits,
            recommended=model.name == recommended,
            common=entry is None or entry.common,
            description=model.description,
            languages=model.languages,
            licence=model.licence,
            repository=entry.repository if entry else None,
            source=found.source if found else None,
            deletable=self._is_ours(model.name) and not model.default,
            disk_bytes=model.disk_bytes,
            download_bytes=model.download_bytes,
            memory_bytes=model.memory_bytes,
            memory_estimate_bytes=model.memory_estimate_bytes,
            device=model.engine.device if model.engine else None,
            compute_type=model.engine.compute_type if model.engine else None,
            download=view_of_download(model.download),
            errand=self._tasks.get(model.name),
        )

    def _arrivals(self, installed: dict[str, ModelStatus]) -> Iterator[tuple[str, DownloadState | None]]:
        """Models outside the catalogue that are not installed yet: downloads from the hub, and imports."""
        names = [download.name for download in self._downloads.list_all()]
        names += [errand.model for errand in self._tasks.list_all() if errand.kind == "import"]
        for name in dict.fromkeys(names):
            download = self._downloads.status(name)
            if name not in installed and (download is None or download.state != "done"):
                yield name, download

    def _is_ours(self, name: str) -> bool:
        return self._store.folder(name).is_dir() or self._store.download_folder(name).is_dir()

    def _default_fixed(self) -> str | None:
        try:
            self._default.check_changeable()
        except Conflict as error:
            return error.message
        return None


def _free_bytes(folder: Path) -> int | None:
    there = next((parent for parent in (folder, *folder.parents) if parent.exists()), None)
    return shutil.disk_usage(there).free if there else None
