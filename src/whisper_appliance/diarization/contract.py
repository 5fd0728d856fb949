"""The diarizer contract: a recording in windows in, turns of its speakers out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from whisper_appliance.core.samples import Samples

MAX_SPEAKERS = 20


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch in which one speaker speaks; turns of several speakers may overlap. Times in seconds."""

    start: float
    end: float
    speaker: int
    """From 0, in the order in which the speakers are heard first."""


@dataclass(frozen=True, slots=True)
class Diarization:
    """The turns of a recording in order of time, and a voice embedding for each speaker, if there are any."""

    turns: tuple[Turn, ...]
    embeddings: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class DiarizerSpec:
    """What a diarizer needs to load its model, in a process of its own."""

    diarizer: str
    """A name of the registry."""
    model: Path | None = None
    """The folder of the model; `None`: the one that an installed package carries."""
    max_memory_bytes: int = 0
    """A process that takes more is ended; 0: no limit."""


class Diarizer(Protocol):
    """The speakers of one recording. It keeps little of each window, so that length costs no memory."""

    window_seconds: float
    step_seconds: float
    """The start of a window is this much behind the start of the window before."""

    def feed(self, window: Samples) -> None:
        """Takes the next window: 16 kHz mono float32 in [-1, 1]; the last one may be shorter."""
        ...

    def finish(self, speakers: int | None) -> Diarization:
        """The turns of all windows; `speakers` is how many there are, `None` if that is not known."""
        ...
