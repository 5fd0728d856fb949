"""What a microphone needs of an engine, and its hold on one."""

from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Priority, Window, WindowResult
from whisper_appliance.engines.vad import Probabilities


class VadPort(Protocol):
    """A stream through the voice detector; `speech.listener.VoiceListener`."""

    def submit(self, frames: Samples) -> "Future[Probabilities]": ...
    def close(self) -> None: ...


class EnginePort(Protocol):
    """The part of `speech.engine_process.EngineProcess` that this room uses."""

    @property
    def parallel_windows(self) -> int: ...
    def submit(
        self, window: Window, *, priority: Priority, windows_before: int = 0
    ) -> "Future[WindowResult]": ...
    def open_vad_stream(self) -> VadPort: ...
    def reserve_live_worker(self) -> AbstractContextManager[None]: ...


class ModelsPort(Protocol):
    """The part of the ModelManager that this room uses."""

    @property
    def default(self) -> str: ...
    def engine(self, name: str | None = None) -> "AbstractContextManager[EnginePort]": ...


class EngineLease:
    """An engine that a stream may use, until it is given back."""

    def __init__(self, models: ModelsPort, name: str) -> None:
        """Raises `NotFound` or `ModelUnavailable`."""
        with ExitStack() as held:
            self.engine = held.enter_context(models.engine(name))
            held.enter_context(self.engine.reserve_live_worker())
            self.listener = self.engine.open_vad_stream()
            held.callback(self.listener.close)
            self._held = held.pop_all()

    def close(self) -> None:
        """Gives it back."""
        self._held.close()
