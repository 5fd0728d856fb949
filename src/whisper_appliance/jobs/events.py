"""What the queue announces; whoever is told reads the rest from the database."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobChanged:
    """The job has another status than before."""

    job_id: str


@dataclass(frozen=True, slots=True)
class WindowsAdded:
    """A running job has heard one window more, and its progress has grown."""

    job_id: str


JobEvent = JobChanged | WindowsAdded
