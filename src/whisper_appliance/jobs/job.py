"""A job as plain data: what is asked for, how far it is, and what has been heard so far."""

from dataclasses import dataclass, field
from pathlib import Path

from whisper_appliance.engines.contract import Options, Priority, WindowResult
from whisper_appliance.library.transcript_rows import NO_OWNER, new_id
from whisper_appliance.storage.schema.jobs import UNFINISHED, JobStatus


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """How a request is known when it comes again: by its key, and by what it asks for.

    A job that was done before the moment `since` does not answer it any more; None: one of any age does.
    """

    key: str
    fingerprint: str
    since: str | None = None


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A recording inside the data folder and what to do with it; the queue owns the file from now on.

    An interactive job starts at once, a batch job when there is room. `model` None is the default model;
    `key_id` is the API key it came with, `waiting_limit` how many of this owner may wait, where that is not
    what the queue was told.
    """

    audio: Path
    filename: str
    priority: Priority = Priority.BATCH
    owner: str = NO_OWNER
    title: str | None = None
    source: str = "upload"
    model: str | None = None
    options: Options = field(default_factory=Options)
    id: str = field(default_factory=new_id)
    key_id: str = ""
    waiting_limit: int | None = None
    idempotency: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed: a stable code, and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its row says now.

    `audio` is relative to the data folder; `duration` is the recording's in seconds, known from the first
    window on; `transcript_id` is there when the job is done.
    """

    id: str
    owner: str
    status: JobStatus
    priority: Priority
    progress: float
    error: JobError | None
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
    key_id: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status not in UNFINISHED


@dataclass(frozen=True, slots=True)
class FinishedWindow:
    """A piece of the recording that has been heard, by sample numbers at 16 kHz.

    The times of its result count from the beginning of the recording.
    """

    start_sample: int
    stop_sample: int
    result: WindowResult
