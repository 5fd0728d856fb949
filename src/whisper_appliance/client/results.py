"""What the appliance answers, as frozen data. Fields that a newer appliance adds are ignored."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, Literal, TypeVar

JsonObject = Mapping[str, Any]
T = TypeVar("T")
JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: tuple[JobStatus, ...] = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its leading space; times are seconds."""

    start: float
    end: float
    word: str
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A phrase; times are seconds of the original file."""

    id: int
    start: float
    end: float
    text: str
    language: str | None = None
    channel: int | None = None
    speaker: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning about a transcript."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole transcript. `etag` names its version, for `rename`."""

    id: str
    title: str
    created: str
    text: str
    language: str
    duration: float
    model: str
    segments: tuple[Segment, ...]
    warnings: tuple[Notice, ...] = ()
    etag: str = ""


@dataclass(frozen=True, slots=True)
class TranscriptSummary:
    """A transcript in a list."""

    id: str
    title: str
    created: str
    language: str
    duration: float
    model: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed, or waits."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Job:
    """Work that waits, runs or has ended. `progress` is from 0 to 1; `text` is the text so far."""

    id: str
    status: JobStatus
    progress: float
    title: str
    created: str
    position: int | None = None
    error: JobError | None = None
    waiting: JobError | None = None
    can_retry: bool = False
    transcript_id: str | None = None
    duration: float | None = None
    text: str = ""

    @property
    def ended(self) -> bool:
        """Whether its status is final."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class Progress:
    """A change of a job, and the segments that are new since the last one."""

    job: Job
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list; `next` is the cursor of the page after it, None on the last one."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class LiveEnd:
    """The end of a live session; no transcript if nobody spoke."""

    session: str
    transcript_id: str | None


def read_segment(data: JsonObject) -> Segment:
    """A segment from its JSON."""
    return _from_json(Segment, data, words=tuple(_from_json(Word, each) for each in data.get("words", ())))


def read_transcript(data: JsonObject, etag: str = "") -> Transcript:
    """A transcript from its JSON."""
    return _from_json(
        Transcript,
        data,
        segments=tuple(read_segment(each) for each in data["segments"]),
        warnings=tuple(_from_json(Notice, each) for each in data.get("warnings", ())),
        etag=etag,
    )


def read_summary(data: JsonObject) -> TranscriptSummary:
    """An entry of the list of transcripts from its JSON."""
    return _from_json(TranscriptSummary, data)


def read_job(data: JsonObject) -> Job:
    """A job from its JSON."""
    errors = {name: _from_json(JobError, data[name]) for name in ("error", "waiting") if data.get(name)}
    return _from_json(Job, {**data, "error": None, "waiting": None}, **errors)


def _from_json(kind: type[T], data: JsonObject, **converted: object) -> T:
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type] # only dataclasses are passed
    return kind(**{**{name: value for name, value in data.items() if name in names}, **converted})
