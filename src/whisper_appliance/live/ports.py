"""Ports of live transcription: the interfaces of engine, models and VAD, and the lease of an engine."""

from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Priority, Window, WindowResult
from whisper_appliance.engines.vad import Probabilities


class VadPort(Protocol):
    """A stream through the voice activity detector."""

    def submit(self, frames: Samples) -> "Future[Probabilities]": ...
    def close(self) -> None: ...


class EnginePort(Protocol):
    """The part of an engine process that live transcription uses."""

    @property
    def parallel_windows(self) -> int: ...
    def submit(
        self, window: Window, *, priority: Priority, windows_before: int = 0
    ) -> "Future[WindowResult]": ...
    def open_vad_stream(self) -> VadPort: ...
    def reserve_live_worker(self) -> AbstractContextManager[None]: ...


class ModelsPort(Protocol):
    """The part of the model manager that live transcription uses."""

    @property
    def default(self) -> str: ...
    def engine(self, name: str | None = None) -> "AbstractContextManager[EnginePort]": ...


class EngineLease:
    """Keeps a model loaded for one session, with a VAD stream of its own, until it is closed."""

    def __init__(self, models: ModelsPort, name: str) -> None:
        """Loads the model if necessary. Raises `NotFound` or `ModelUnavailable`."""
        with ExitStack() as resources:
            self.engine = resources.enter_context(models.engine(name))
            resources.enter_context(self.engine.reserve_live_worker())
            self.vad = self.engine.open_vad_stream()
            resources.callback(self.vad.close)
            self._resources = resources.pop_all()

    def close(self) -> None:
        """Releases the engine."""
        self._resources.close()
