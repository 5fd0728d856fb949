"""ModelManager: which model is used; loaded when needed, freed when not, fetched when missing."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Generic

from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import ApplianceError, ModelUnavailable, NotAllowed, NotFound
from whisper_appliance.engines.contract import EngineSpec
from whisper_appliance.models import folders, hardware
from whisper_appliance.models.catalog import canonical, catalog
from whisper_appliance.models.default_model import Choice, PassingChoice
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.engine_pool import E, LoadedEngines, StartEngine
from whisper_appliance.models.events import Announce, ModelEvent, to_nobody
from whisper_appliance.models.status import Facts, ModelsStatus, ModelStatus, describe
from whisper_appliance.models.store import Installed, ModelStore

_ASK_AGAIN_SECONDS = 30.0
# An engine that takes more of the machine is not working but leaking.
ENGINE_SHARE = 0.75


class ModelManager(Generic[E]):
    """Lends out engines by the name of their model. Safe to be used by any number of threads."""

    def __init__(
        self,
        settings: Settings,
        store: ModelStore,
        downloads: Downloads,
        announce: Announce = to_nobody,
        *,
        start_engine: StartEngine[E],
        choice: Choice | None = None,
        available_bytes: Callable[[], int] = hardware.available_bytes,
        clock: Callable[[], float] = time.monotonic,
        wait_seconds: float = 600.0,
    ) -> None:
        """`start_engine` is `EngineProcess`; `choice` keeps which model is the default. `wait_seconds` is the
        longest wait for memory that other models hold while they are in use.
        """
        self._settings = settings
        self._store = store
        self._downloads = downloads
        self._announce = announce
        self._available_bytes = available_bytes
        self._clock = clock
        self._choice = choice or PassingChoice(settings.whisper_model)
        self._wanted: tuple[str, str] | None = None
        self._tried: dict[str, float] = {}
        self._gpus: tuple[hardware.Gpu, ...] = ()
        self._loaded = LoadedEngines(
            self._prepare,
            start_engine,
            at_once=settings.model_cache_size,
            idle_seconds=settings.model_idle_timeout,
            fits_beside=self._fits_beside,
            announce=announce,
            clock=clock,
            wait_seconds=wait_seconds,
        )

    @property
    def default(self) -> str:
        """The model that is used when a request names none."""
        return self._choice.name

    def start(self) -> None:
        """Loads the default model behind the start of everything else, if MODEL_WARM_UP says so."""
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def engine(self, name: str | None = None) -> AbstractContextManager[E]:
        """A lease: `with models.engine("small") as engine`. Loaded if need be, not unloaded while it is held.

        A known model that is not on this machine begins to be downloaded.
        Raises `NotFound`, or `ModelUnavailable`, which says why and when to try again.
        """
        return self._loaded.lease(self.known(name or self.default))

    def heed(self, settings: Settings) -> None:
        """Takes changed settings. Engines that are loaded stay as they are."""
        self._settings = settings
        self._loaded.keep(at_once=settings.model_cache_size, idle_seconds=settings.model_idle_timeout)

    def load_model(self, name: str, by: str = "") -> None:
        """Makes this model the default, also after a restart, and loads it. Verifying it may take seconds.

        Another model is freed before, unless both fit the memory and MODEL_CACHE_SIZE. A model that is not
        here is downloaded and becomes the default when it arrives; until then this raises `ModelUnavailable`.
        Raises `Conflict` when the default cannot be changed here. `by` is who wants it.
        """
        self._choice.check()
        name = self.known(name)
        self._wanted = name, by
        with self._loaded.lease(name):
            self._wanted = None
            self._choice.make(name, by)
        self._announce(ModelEvent("switched", name, f"{name} is the default model now."))

    def unload(self, name: str) -> None:
        """Frees the model's memory. Raises `Conflict` while it is in use."""
        self._loaded.unload(canonical(name))

    def unload_idle(self) -> None:
        """Frees what had no work for MODEL_IDLE_TIMEOUT. A timer does this by itself."""
        self._loaded.unload_idle()

    def remove(self, name: str) -> None:
        """Frees the model and deletes its files. Raises `Conflict` while it is in use, `NotFound`."""
        name = canonical(folders.check_name(name))
        with suppress(NotFound):
            self._downloads.cancel(name)
        self._loaded.unload(name)
        self._store.remove(name)

    def get_status(self) -> ModelsStatus:
        """How every model is now. Waits for nothing: reads no file's content, asks no network."""
        installed = {model.name: model for model in self._store.installed()}
        names = dict.fromkeys([*catalog(), *installed, self.default])
        machine = self._machine()
        models = tuple(describe(self._facts(name, installed.get(name), machine)) for name in names)
        default = next(model for model in models if model.default)
        return ModelsStatus(default.name, default.state, default.reason, default.progress, models)

    def get_model(self, name: str) -> ModelStatus | None:
        """How one model is now, None for a name that nobody knows. Quicker than the status of all."""
        name = canonical(name)
        installed = self._store.find(name)
        if installed is None and name not in catalog() and name != self.default:
            return None
        return describe(self._facts(name, installed, self._machine()))

    def known(self, name: str) -> str:
        """The full name of a model of the catalogue or this machine. Raises `NotFound`, `InvalidRequest`."""
        name = canonical(folders.check_name(name))
        if name not in catalog() and self._store.find(name) is None and self._store.checkpoint(name) is None:
            raise NotFound(
                f"There is no model named {name!r} on this machine or in the catalogue.", field="model"
            )
        return name

    def advice(self) -> hardware.Advice:
        """Which model suits this machine, in words."""
        return hardware.advise(self._machine())

    def close(self) -> None:
        """Stops downloads and ends every engine."""
        self._downloads.close()
        self._loaded.close()

    def _warm_up(self) -> None:
        self._gpus = hardware.find_gpus()
        if self._settings.model_warm_up:
            self._load_quietly(self.default)

    def _arrived(self, name: str) -> None:
        """A download that was waited for is here."""
        if self._wanted and self._wanted[0] == name:
            self.load_model(*self._wanted)
        elif name == self.default and self._settings.model_warm_up:
            self._load_quietly(name)

    def _load_quietly(self, name: str) -> None:
        try:
            with self.engine(name):
                pass
        except ApplianceError as error:
            self._announce(ModelEvent("failed", name, error.message))

    def _prepare(self, name: str) -> EngineSpec:
        settings, machine = self._settings, hardware.this_machine()
        return EngineSpec(
            engine=settings.whisper_engine,
            model=name,
            path=self._path(name),
            device=settings.device,
            compute_type=settings.compute_type,
            workers=settings.worker_processes or machine.cores,
            max_memory_bytes=int(settings.engine_memory or ENGINE_SHARE * machine.memory_bytes),
        )

    def _path(self, name: str) -> Path:
        if self._settings.whisper_engine == "openai-whisper":
            checkpoint = self._store.checkpoint(name)
            if checkpoint is None:
                raise ModelUnavailable(
                    f"The engine openai-whisper needs {name}.pt in {self._store.model_dir}. Put it there."
                )
            return checkpoint
        path = self._store.locate(name)
        if path is None:
            raise self._on_its_way(name)
        return path

    def _on_its_way(self, name: str) -> ModelUnavailable:
        """Starts the download of a missing model, or says why not."""
        last = self._downloads.status(name)
        if last is None or not last.active:
            resting = self._clock() - self._tried.get(name, float("-inf")) < _ASK_AGAIN_SECONDS
            if last and (last.state == "cancelled" or (last.state == "failed" and resting)):
                why = last.error or "the download was cancelled."
                return ModelUnavailable(
                    f"The model {name} is not here: {why}", retry_after_seconds=_ASK_AGAIN_SECONDS
                )
            self._tried[name] = self._clock()
        problem = self._store.problem(name)
        try:
            download = self._downloads.start(name, then=self._arrived)
        except (NotAllowed, NotFound) as error:
            return ModelUnavailable(problem or error.message)
        percent = int(download.progress * 100)
        return ModelUnavailable(
            " ".join(
                filter(
                    None, (problem, f"The model {name} is being downloaded, {percent} %. Try again later.")
                )
            ),
            retry_after_seconds=download.eta_seconds or _ASK_AGAIN_SECONDS,
        )

    def _machine(self) -> hardware.Machine:
        """This machine, with the cards that engines work on: none where one had to do without."""
        engines = self._loaded.statuses()
        without = self._settings.device == "cpu" or any(engine.device == "cpu" for engine in engines)
        return hardware.this_machine(() if without else self._gpus)

    def _fits_beside(self, name: str) -> bool:
        """Whether there is memory now for one more model. A GPU has its own memory and is left to it."""
        model, device = catalog().get(name), self._settings.device
        if model is None or device == "cuda" or (self._gpus and device != "cpu"):
            return True
        compute_type = hardware.this_machine().compute_type(self._settings.compute_type)
        return model.memory_bytes(compute_type) <= self._available_bytes()

    def _facts(self, name: str, installed: Installed | None, machine: hardware.Machine) -> Facts:
        slot = self._loaded.slot(name)
        return Facts(
            name=name,
            default=name == self.default,
            installed=installed,
            loading=slot is not None,
            in_use=slot.leases if slot else 0,
            engine=slot.engine.result().status() if slot and slot.started else None,
            download=self._downloads.status(name),
            problem=self._store.problem(name),
            machine=machine,
            compute_type=self._settings.compute_type,
        )
