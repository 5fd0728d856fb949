"""The engine contract: windows of audio in, segments out, no state between calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Literal, Protocol

from whisper_appliance.core.samples import Samples
from whisper_appliance.transcript.model import Dropped, Segment

MAX_WINDOW_SECONDS = 30.0
NO_SPEECH = "no speech"
"""Why the text of a window was dropped: no speech is probable to the model, and its confidence is low."""
# Free of batch work, so that a caption or a short clip does not wait for a window of a long file.
SPARE_WORKERS = 1
TARGET_SECONDS = 20.0
"""How long the windows of a file are, unless settings say otherwise."""

Quality = Literal["fast", "balanced", "accurate"]
Task = Literal["transcribe", "translate"]
Channels = Literal["mixed", "separate"]
BatchRule = Literal["free", "even", "alone"]
"""How a window may be batched. Products of one row round differently from those of two, so a result is the
same every time only if its window is always decoded alone, or always in batches of even size."""


class Priority(IntEnum):
    """Priority of a window in the engine's queue; lower goes first."""

    LIVE = 0
    INTERACTIVE = 1
    BATCH = 2


@dataclass(frozen=True, slots=True)
class NamedVoice:
    """A speaker whose name is known, and the embedding of a sample of the voice."""

    name: str
    embedding: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """Decoding options of a recording. `None` leaves the choice to the engine."""

    language: str | None = None
    task: Task = "transcribe"
    quality: Quality = "balanced"
    word_timestamps: bool = False
    prompt: str | None = None
    hotwords: str | None = None
    temperature: float | None = None
    beam_size: int | None = None
    vad: bool = True
    seed: int = 0
    """Of sampling: the same seed gives the same samples."""
    track: int | None = None
    """Number of the audio track of the file, from 1. `None`: the default one."""
    languages: tuple[str, ...] = ()
    """Candidates if the language is detected; empty: all."""
    channels: Channels = "mixed"
    """`separate`: each channel is transcribed by itself."""
    diarize: bool = False
    """Segments get their speakers."""
    speakers: int | None = None
    """How many speak, if that is known."""
    voices: tuple[NamedVoice, ...] = ()
    """Speakers who are named if they are heard."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most 30 s of 16 kHz mono float32 samples in [-1, 1], and how to decode them.

    `previous_tokens`: those of the results before, for engines that condition on previous text.
    `decode_to_end=True`: if the decoder stops early, continue from the last timestamp. `False`: sequential
    mode; an unfinished last segment is left to the next window.
    `prefix_text`: text of the first `prefix_seconds` that is decoded already. An engine that supports it
    continues from there; the result contains the prefix.
    """

    samples: Samples
    options: Options
    previous_tokens: tuple[int, ...] = ()
    decode_to_end: bool = True
    prefix_text: str = ""
    prefix_seconds: float = 0.0
    batch: BatchRule = "free"
    detect_only: bool = False
    """Only the language is detected."""
    text_to_align: str = ""
    """Forced alignment: the text of the window is known, and only the times of its words are found."""


@dataclass(frozen=True, slots=True)
class WindowResult:
    """The result of one window; times in seconds from the window's first sample.

    `decoded_seconds` is how far the decoder came; in sequential mode the next window starts there. `tokens`
    are all decoded tokens, timestamps included: the previous text for the next window.
    """

    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    dropped: tuple[Dropped, ...] = ()
    decoded_seconds: float = 0.0
    tokens: tuple[int, ...] = ()
    temperature: float = 0.0
    """The highest at which a part of it was decoded."""
    prompt_cut: bool = False
    """Whether prompt or hot words were longer than the model takes."""
    may_be_mixed: bool = False
    """Whether another language than the detected one is probable in a part of it."""

    @property
    def avg_logprob(self) -> float:
        """Confidence: the mean log probability of all tokens; 0 without text."""
        tokens = sum(len(segment.tokens) for segment in self.segments)
        return sum(s.avg_logprob * len(s.tokens) for s in self.segments) / tokens if tokens else 0.0

    @property
    def text(self) -> str:
        """All segments as one line, the leading space kept."""
        return "".join(segment.text for segment in self.segments)


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What an engine needs to load a model, in a process of its own."""

    engine: str
    """A name of `core.engine_names`, or "auto"."""
    model: str
    path: Path
    device: str = "auto"
    compute_type: str = "auto"
    workers: int = 1
    max_memory_bytes: int = 0
    """A process that takes more is ended and started anew; 0: no limit."""


class Engine(Protocol):
    """A loaded model. `transcribe` may be called from several threads at once."""

    name: str
    version: str
    device: str
    compute_type: str
    multilingual: bool
    warnings: tuple[str, ...]

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """Decodes windows with equal options; one result a window, in order.

        Raises `EngineFailed` if the model cannot decode them (out of memory included).
        """
        ...
