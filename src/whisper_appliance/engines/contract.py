"""The contract every engine keeps: windows of audio in, segments out. One page, no state between calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Literal, Protocol

from whisper_appliance.core.samples import Samples
from whisper_appliance.transcript.model import Dropped, Segment

MAX_WINDOW_SECONDS = 30.0
# Kept free of batch work, so that a caption or a short clip need not wait for a window of a long file to end.
SPARE_WORKERS = 1

Quality = Literal["fast", "balanced", "accurate"]
Task = Literal["transcribe", "translate"]


class Priority(IntEnum):
    """Who goes first when windows wait for the engine; lower goes first."""

    LIVE = 0
    INTERACTIVE = 1
    BATCH = 2


@dataclass(frozen=True, slots=True)
class Options:
    """How a recording is to be heard. `None` leaves the choice to the engine."""

    language: str | None = None
    task: Task = "transcribe"
    quality: Quality = "balanced"
    word_timestamps: bool = False
    prompt: str | None = None
    hotwords: str | None = None
    temperature: float | None = None
    beam_size: int | None = None
    vad: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """At most 30 s of 16 kHz mono float32 samples in [-1, 1], and how to hear them.

    `previous_tokens` are those of the results just before, for engines that condition on them. Where the
    decoder stops before the end, it is asked again from there, unless `to_the_end` is off: then the window is
    read as Whisper reads, which leaves what it is not sure to have heard whole to the next window.
    `begins_with` is text that is known to be said first, up to `known_seconds`: a decoder that can do so goes
    on from there; the result holds it too.
    """

    samples: Samples
    options: Options
    previous_tokens: tuple[int, ...] = ()
    decode_to_end: bool = True
    prefix_text: str = ""
    prefix_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What was heard in one window; times count from the window's first sample.

    `heard_seconds` is how far the decoder came: a sequential reader goes on from there. `tokens` are all that
    the decoder said, timestamps included: what the next window may be conditioned on.
    """

    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    dropped: tuple[Dropped, ...] = ()
    decoded_seconds: float = 0.0
    tokens: tuple[int, ...] = ()

    @property
    def avg_logprob(self) -> float:
        """How sure the decoder was, over all tokens; 0 where nothing was heard."""
        tokens = sum(len(segment.tokens) for segment in self.segments)
        return sum(s.avg_logprob * len(s.tokens) for s in self.segments) / tokens if tokens else 0.0

    @property
    def text(self) -> str:
        """All segments as one line, the leading space kept."""
        return "".join(segment.text for segment in self.segments)


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What an engine needs to load a model; picklable, since the engine lives in a process of its own."""

    engine: str
    """A name of `core.engine_names`, or "auto"."""
    model: str
    path: Path
    device: str = "auto"
    compute_type: str = "auto"
    workers: int = 1
    max_memory_bytes: int = 0
    """Beyond it, the process is ended and started anew; 0: no limit."""


class Engine(Protocol):
    """A loaded model. `transcribe` may be called from several threads at once."""

    name: str
    version: str
    device: str
    compute_type: str
    multilingual: bool
    warnings: tuple[str, ...]

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """Hears windows that share equal options; one result a window, in order.

        Raises `EngineFailed` when the model cannot do it (out of memory included).
        """
        ...
