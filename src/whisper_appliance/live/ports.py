"""What a microphone needs of an engine, and its hold on one."""

from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Priority, Window, WindowResult
from whisper_appliance.engines.vad import Probabilities


class Listener(Protocol):
    """A stream through the voice detector; `speech.listener.VoiceListener`."""

    def ask(self, frames: Samples) -> "Future[Probabilities]": ...
    def close(self) -> None: ...


class Engine(Protocol):
    """The part of `speech.engine_process.EngineProcess` that this room uses."""

    @property
    def workers(self) -> int: ...
    def submit(self, window: Window, *, priority: Priority, turn: int = 0) -> "Future[WindowResult]": ...
    def listen(self) -> Listener: ...
    def live(self) -> AbstractContextManager[None]: ...


class Models(Protocol):
    """The part of the ModelManager that this room uses."""

    @property
    def default(self) -> str: ...
    def engine(self, name: str | None = None) -> "AbstractContextManager[Engine]": ...


class Lease:
    """An engine that a stream may use, until it is given back."""

    def __init__(self, models: Models, name: str) -> None:
        """Raises `NotFound` or `ModelUnavailable`."""
        with ExitStack() as held:
            self.engine = held.enter_context(models.engine(name))
            held.enter_context(self.engine.live())
            self.listener = self.engine.listen()
            held.callback(self.listener.close)
            self._held = held.pop_all()

    def close(self) -> None:
        """Gives it back."""
        self._held.close()
