"""The events of the job queue. They carry ids and measurements; the rest is in the database."""

from dataclasses import dataclass

from whisper_appliance.engines.contract import Priority


@dataclass(frozen=True, slots=True)
class JobChanged:
    """The job has a new status. `translation_of`: the transcript that it translates."""

    job_id: str
    translation_of: str | None = None


@dataclass(frozen=True, slots=True)
class JobProgressed:
    """A running job has finished another window."""

    job_id: str


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The first attempt of the job has started, `waited_seconds` after the job was accepted."""

    job_id: str
    priority: Priority
    waited_seconds: float


@dataclass(frozen=True, slots=True)
class JobDone:
    """The job is done; `dropped_words` were removed as hallucinations.

    `transcript_id`: what it made, or the transcript that it has translated.
    """

    job_id: str
    model: str
    audio_seconds: float
    processing_seconds: float
    dropped_words: int
    transcript_id: str = ""


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job has ended without a transcript; a cancelled job has the code `cancelled`."""

    job_id: str
    code: str


JobEvent = JobChanged | JobProgressed | JobStarted | JobDone | JobFailed
