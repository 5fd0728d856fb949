"""A job as frozen data: the request, its state, its error, and the windows it has finished."""

from dataclasses import dataclass, field
from pathlib import Path

from whisper_appliance.core.ids import new_id
from whisper_appliance.engines.contract import Options, Priority, WindowResult
from whisper_appliance.jobs.lanes import Lane
from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.storage.schema.jobs import UNFINISHED, JobStatus


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The idempotency key of a request, and the fingerprint of its content.

    A job that was done before the time `since` is not replayed; None replays a job of any age.
    """

    key: str
    fingerprint: str
    since: str | None = None


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A recording and the options of its transcription; the queue owns the file once the job is accepted.

    `audio` is a path inside the folder of recordings. An interactive job starts at once, a batch job when
    there is capacity. `model` None means the default model. `key_id` is the API key of the request, and
    `waiting_limit` replaces the queue's limit per owner.
    """

    audio: Path
    filename: str
    priority: Priority = Priority.BATCH
    owner: str = NO_OWNER
    title: str | None = None
    source: str = "upload"
    model: str | None = None
    preferred_model: str | None = None
    """The model that the owner chose, for a request that names none; another one may replace it."""
    options: Options = field(default_factory=Options)
    id: str = field(default_factory=new_id)
    key_id: str = ""
    network: str = ""
    """The network of a client without an account; "" for users, and inside the program."""
    waiting_limit: int | None = None
    idempotency: IdempotencyKey | None = None
    content_digest: str | None = None
    """The digest of the recording, the model and the options."""
    reuse: bool = False
    """Whether a transcript of the owner with the same digest is the result, if there is one."""
    translation_of: str | None = None
    """Id of the transcript that gets the result as its translation; None: it is a transcript of its own."""
    translate_to: str | None = None
    """Code of the language into which the lines in `audio` are translated; None: `audio` is a recording."""


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed: a stable code, and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its row in the database.

    `audio` is relative to the folder of recordings. `duration` is that of the recording in seconds, from the
    first window on. `progress` is from 0 to 1. `transcript_id` is set when the job is done; with
    `translation_of`, it is that transcript, whose translation the job has made.
    With `translate_to`, `audio` is the text of a transcript, which is translated into that language.
    `waiting` is why a queued job was postponed, `retries` how often since its last progress.
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
    lane: Lane
    created: str
    started: str | None
    finished: str | None
    key_id: str = ""
    waiting: JobError | None = None
    retries: int = 0
    content_digest: str | None = None
    translation_of: str | None = None
    translate_to: str | None = None
    preferred_model: str | None = None

    @property
    def wanted_model(self) -> str | None:
        """The model that its request names, or that its owner chose; None: the appliance chooses."""
        return self.model or self.preferred_model

    @property
    def ended(self) -> bool:
        """Whether the job is done, failed or cancelled."""
        return self.status not in UNFINISHED

    @property
    def reused(self) -> bool:
        """Whether its result is a transcript that another job made (`JobRequest.reuse`)."""
        return self.transcript_id not in (None, self.id, self.translation_of)


@dataclass(frozen=True, slots=True)
class FinishedWindow:
    """A finished window as it is stored: its range in samples at 16 kHz, and its result.

    The times of the result count from the beginning of the recording.
    """

    start_sample: int
    stop_sample: int
    result: WindowResult
