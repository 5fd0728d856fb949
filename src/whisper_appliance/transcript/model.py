"""Transcript model: words, segments, notices, dropped text and provenance as frozen dataclasses."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Word:
    """One word as Whisper writes it, leading space included. Times in seconds of the original file."""

    start: float
    end: float
    word: str
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A phrase. Times in seconds of the original file (of the window, inside an engine)."""

    start: float
    end: float
    text: str
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    compression_ratio: float = 0.0
    temperature: float = 0.0
    tokens: tuple[int, ...] = ()
    words: tuple[Word, ...] = ()
    language: str = ""
    """Code of the language that it is in; empty if it was not detected for this phrase."""
    channel: int | None = None
    """The channel that it is in, from 1; `None` if the channels were mixed."""
    speaker: str = ""
    """Name or label of who speaks; empty if that is not known."""
    key: str = ""
    """Names the segment in an edited transcript; empty before that, when its place names it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning to the reader of a transcript, e.g. that the file was damaged after a point."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Text that the hallucination filter removed, and the reason."""

    start: float
    end: float
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about a second of the recording."""

    start: float
    text: str
    author: str = ""
    """Name; empty if it is not known."""
    created: str = ""
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """The audio track that was taken, from 1, of how many, and its language and number of channels."""

    taken: int
    count: int
    language: str = ""
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Provenance:
    """Engine, model and options of a transcript, enough to reproduce it."""

    engine: str
    engine_version: str
    model: str
    model_sha256: str
    compute_type: str
    options: dict[str, object]
    audio_sha256: str
    appliance_version: str
    real_time_factor: float
    tracks: Tracks | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole result for one recording."""

    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    duration: float
    task: str
    model: str
    processing_seconds: float
    warnings: tuple[Notice, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    provenance: Provenance | None = None
    extra: dict[str, object] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        """All languages of the segments, the one that is spoken longest first."""
        seconds: dict[str, float] = {}
        for segment in self.segments:
            code = segment.language or self.language
            seconds[code] = seconds.get(code, 0.0) + segment.end - segment.start
        found = sorted(filter(None, seconds), key=lambda code: -seconds[code])
        return tuple(found) or ((self.language,) if self.language else ())

    @property
    def text(self) -> str:
        """All segments as one line of text."""
        return "".join(segment.text for segment in self.segments).strip()
