"""ModelManager lends engines by model name: loads on demand, unloads when idle, downloads what is missing."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import ApplianceError, ModelUnavailable, NotFound
from whisper_appliance.engines.contract import EngineSpec
from whisper_appliance.models import folders, hardware
from whisper_appliance.models.catalog import canonical, catalog
from whisper_appliance.models.default_model import DefaultModel, InMemoryDefault
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.engine_pool import E, EnginePool, PoolLimits, StartEngine
from whisper_appliance.models.events import Announce, ModelEvent, ignore
from whisper_appliance.models.on_demand import DownloadOnDemand
from whisper_appliance.models.status import ModelFacts, ModelsStatus, ModelStatus, describe
from whisper_appliance.models.store import InstalledModel, ModelStore

ENGINE_MEMORY_SHARE = 0.75
"""An engine that takes more of the machine's memory is restarted, because it leaks."""


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """How the manager measures free memory and time.

    A load waits up to `wait_seconds` for memory that other models hold while they are in use.
    """

    available_bytes: Callable[[], int] = hardware.available_bytes
    wait_seconds: float = 600.0
    clock: Callable[[], float] = time.monotonic


class ModelManager(Generic[E]):
    """Lends engines by the name of their model. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        store: ModelStore,
        downloads: Downloads,
        announce: Announce = ignore,
        *,
        start_engine: StartEngine[E],
        default_model: DefaultModel | None = None,
        memory: MemoryPolicy | None = None,
    ) -> None:
        """`start_engine` is `EngineProcess`; `default_model` stores which model is the default."""
        self._settings = settings
        self._store = store
        self._downloads = downloads
        self._announce = announce
        self._memory = memory or MemoryPolicy()
        self._default_model = default_model or InMemoryDefault(settings.whisper_model)
        self._pending_default: tuple[str, str] | None = None
        self._gpus: tuple[hardware.Gpu, ...] = ()
        self._on_demand = DownloadOnDemand(
            store, downloads, on_done=self._on_downloaded, clock=self._memory.clock
        )
        self._pool = EnginePool(
            self._engine_spec,
            start_engine,
            limits=_pool_limits(settings, self._memory.wait_seconds),
            fits_beside=self._fits_beside,
            announce=announce,
            clock=self._memory.clock,
        )

    @property
    def default(self) -> str:
        """The model that is used when a request names none."""
        return self._default_model.name

    def start(self) -> None:
        """Loads the default model in the background, if MODEL_WARM_UP is on."""
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def engine(self, name: str | None = None) -> AbstractContextManager[E]:
        """A lease: `with models.engine("small") as engine`. Loads the model if needed, and keeps it loaded.

        The download of a missing model of the catalogue is started. Raises `NotFound`, or `ModelUnavailable`
        with the reason and when to try again.
        """
        return self._pool.lease(self.canonical_name(name or self.default))

    def apply_settings(self, settings: Settings) -> None:
        """Takes over changed settings. Loaded engines stay as they are."""
        self._settings = settings
        self._pool.set_limits(_pool_limits(settings, self._memory.wait_seconds))

    def load_model(self, name: str, by: str = "") -> None:
        """Makes this model the default, also after a restart, and loads it. Verifying it may take seconds.

        Another model is unloaded first, unless both fit into memory and MODEL_CACHE_SIZE. A missing model is
        downloaded and becomes the default when it is complete; until then this raises `ModelUnavailable`.
        Raises `Conflict` if the default cannot be changed here. `by` is the id of the user who did it.
        """
        self._default_model.check_changeable()
        name = self.canonical_name(name)
        self._pending_default = name, by
        with self._pool.lease(name):
            self._pending_default = None
            self._default_model.set(name, by)
        self._announce(ModelEvent("switched", name, f"{name} is the default model now."))

    def unload(self, name: str) -> None:
        """Unloads a model. Raises `Conflict` while it is in use."""
        self._pool.unload(canonical(name))

    def unload_idle(self) -> None:
        """Unloads models without work for MODEL_IDLE_TIMEOUT, as a timer of the pool does too."""
        self._pool.unload_idle()

    def remove(self, name: str) -> None:
        """Unloads a model and deletes its files. Raises `Conflict` while it is in use, `NotFound`."""
        name = canonical(folders.check_name(name))
        with suppress(NotFound):
            self._downloads.cancel(name)
        self._pool.unload(name)
        self._store.remove(name)

    def get_status(self) -> ModelsStatus:
        """The status of every model. Does not wait: reads no file contents and sends no request."""
        installed = {model.name: model for model in self._store.installed()}
        names = dict.fromkeys([*catalog(), *installed, self.default])
        machine = self._machine()
        models = tuple(describe(self._facts(name, installed.get(name), machine)) for name in names)
        default = next(model for model in models if model.default)
        return ModelsStatus(default.name, default.state, default.reason, default.progress, models)

    def get_model(self, name: str) -> ModelStatus | None:
        """The status of one model; None if there is no such model. Faster than `get_status`."""
        name = canonical(name)
        installed, download = self._store.find(name), self._downloads.status(name)
        is_coming = download is not None and download.active
        if installed is None and name not in catalog() and name != self.default and not is_coming:
            return None
        return describe(self._facts(name, installed, self._machine()))

    def canonical_name(self, name: str) -> str:
        """The full name of a model of the catalogue or this machine. Raises `NotFound`, `InvalidRequest`."""
        name = canonical(folders.check_name(name))
        if name not in catalog() and self._store.find(name) is None and self._store.checkpoint(name) is None:
            raise NotFound(
                "There is no model named {name!r} on this machine or in the catalogue.",
                name=name,
                field="model",
            )
        return name

    def recommendation(self) -> hardware.Recommendation:
        """Which model suits this machine, in words."""
        return hardware.recommend(self._machine())

    def close(self) -> None:
        """Stops downloads and ends every engine."""
        self._downloads.close()
        self._pool.close()

    def _warm_up(self) -> None:
        self._gpus = hardware.detect_gpus()
        if self._settings.model_warm_up:
            self._load_or_announce(self.default)

    def _on_downloaded(self, name: str) -> None:
        if self._pending_default and self._pending_default[0] == name:
            self.load_model(*self._pending_default)
        elif name == self.default and self._settings.model_warm_up:
            self._load_or_announce(name)

    def _load_or_announce(self, name: str) -> None:
        try:
            with self.engine(name):
                pass
        except ApplianceError as error:
            self._announce(ModelEvent("failed", name, error.message))

    def _engine_spec(self, name: str) -> EngineSpec:
        settings, machine = self._settings, hardware.this_machine()
        return EngineSpec(
            engine=settings.whisper_engine,
            model=name,
            path=self._path(name),
            device=settings.device,
            compute_type=settings.compute_type,
            workers=settings.worker_processes or machine.cores,
            max_memory_bytes=int(settings.engine_memory or ENGINE_MEMORY_SHARE * machine.memory_bytes),
        )

    def _path(self, name: str) -> Path:
        if self._settings.whisper_engine == "openai-whisper":
            checkpoint = self._store.checkpoint(name)
            if checkpoint is None:
                raise ModelUnavailable(
                    "The engine openai-whisper needs {name}.pt in {model_dir}. Put it there.",
                    name=name,
                    model_dir=self._store.model_dir,
                )
            return checkpoint
        path = self._store.locate(name)
        if path is None:
            raise self._on_demand.start(name)
        return path

    def _machine(self) -> hardware.Machine:
        """This machine; without its GPUs if the engines run on the CPU."""
        engines = self._pool.statuses()
        on_cpu = self._settings.device == "cpu" or any(engine.device == "cpu" for engine in engines)
        return hardware.this_machine(() if on_cpu else self._gpus)

    def _fits_beside(self, name: str) -> bool:
        """Whether free memory suffices for one more model. GPU memory is left to the GPU's own allocator."""
        model, device = catalog().get(name), self._settings.device
        if model is None or device == "cuda" or (self._gpus and device != "cpu"):
            return True
        compute_type = hardware.this_machine().compute_type(self._settings.compute_type)
        return model.memory_bytes(compute_type) <= self._memory.available_bytes()

    def _facts(self, name: str, installed: InstalledModel | None, machine: hardware.Machine) -> ModelFacts:
        loaded = self._pool.loaded(name)
        return ModelFacts(
            name=name,
            default=name == self.default,
            installed=installed,
            loading=loaded is not None,
            in_use=loaded.leases if loaded else 0,
            engine=loaded.engine.result().status() if loaded and loaded.started else None,
            download=self._downloads.status(name),
            problem=self._store.file_problem(name),
            machine=machine,
            compute_type=self._settings.compute_type,
        )


def _pool_limits(settings: Settings, wait_seconds: float) -> PoolLimits:
    return PoolLimits(settings.model_cache_size, settings.model_idle_timeout, wait_seconds)
