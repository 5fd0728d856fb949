"""A job as plain data: what is asked for, how far it is, and what has been heard so far."""

from dataclasses import dataclass, field
from typing import Literal

from whisper_appliance.history.entries import NOBODY
from whisper_appliance.speech.engine import SAMPLE_RATE, Options, Priority, WindowResult

Status = Literal["queued", "running", "done", "failed", "cancelled"]
UNFINISHED: tuple[Status, ...] = ("queued", "running")


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A recording that lies in the data folder (`audio`, relative to it) and what to do with it."""

    id: str
    audio: str
    audio_bytes: int
    filename: str
    owner: str = NOBODY
    title: str | None = None
    source: str = "upload"
    model: str | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its row says now. `duration` is the recording's, known from the first window on."""

    id: str
    owner: str
    status: Status
    priority: Priority
    progress: float
    error_code: str | None
    error_message: str | None
    transcript_id: str | None
    title: str
    filename: str
    source: str
    model: str | None
    options: Options
    audio: str
    audio_bytes: int
    duration: float | None
    attempts: int
    cancel_requested: bool
    created: str
    started: str | None
    finished: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status not in UNFINISHED


@dataclass(frozen=True, slots=True)
class FinishedWindow:
    """A piece of the recording that has been heard, by sample numbers at 16 kHz."""

    start_sample: int
    stop_sample: int
    result: WindowResult

    @property
    def start_seconds(self) -> float:
        """Where the times of the result's segments count from."""
        return self.start_sample / SAMPLE_RATE
