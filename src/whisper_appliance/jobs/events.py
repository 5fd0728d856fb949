"""What the queue announces; whoever is told reads the rest from the database."""

from dataclasses import dataclass

from whisper_appliance.engines.contract import Priority


@dataclass(frozen=True, slots=True)
class JobChanged:
    """The job has another status than before."""

    job_id: str


@dataclass(frozen=True, slots=True)
class JobProgressed:
    """A running job has heard one window more, and its progress has grown."""

    job_id: str


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The job's first attempt has begun, so many seconds after it was accepted."""

    job_id: str
    priority: Priority
    waited_seconds: float


@dataclass(frozen=True, slots=True)
class JobDone:
    """The job is done: so much audio in so much time, and how many words the guard left out."""

    job_id: str
    model: str
    audio_seconds: float
    processing_seconds: float
    dropped_words: int


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job has ended without a transcript; a cancelled one has the code `cancelled`."""

    job_id: str
    code: str


JobEvent = JobChanged | JobProgressed | JobStarted | JobDone | JobFailed
