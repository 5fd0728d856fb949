"""Queries for administrators on the jobs of all owners: state and progress, never titles or text.

Jobs are named by a handle, the first half of their id, because the whole id of a job without an owner gives
access to its transcript.
"""

import re
from dataclasses import dataclass, fields

import sqlalchemy as sa

from whisper_appliance.core.errors import NotFound
from whisper_appliance.jobs.job import JobError
from whisper_appliance.jobs.queries import WANTED_MODEL, error_of
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import JobStatus, jobs

HANDLE_CHARS = 16
HANDLE = re.compile(f"[0-9a-f]{{{HANDLE_CHARS}}}")
HANDLE_REGEX = f"^{HANDLE.pattern}$"


@dataclass(frozen=True, slots=True)
class JobSummary:
    """A job without its title and text; `number` counts all jobs in the order of their creation."""

    number: int
    handle: str
    owner: str
    status: JobStatus
    priority: int
    progress: float
    error: JobError | None
    waiting: JobError | None
    source: str
    model: str | None
    audio_bytes: int
    duration: float | None
    attempts: int
    cancel_requested: bool
    precedence: int
    created: str
    started: str | None
    finished: str | None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, newest first, and the number before which the next page begins."""

    jobs: tuple[JobSummary, ...]
    next_before: int | None


_COLUMNS = tuple(
    field.name for field in fields(JobSummary) if field.name not in ("handle", "model", "error", "waiting")
)


class JobAdminQueries:
    """Reads the jobs of all owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        *,
        statuses: tuple[JobStatus, ...] = (),
        owner: str | None = None,
        limit: int,
        before: int | None = None,
    ) -> JobPage:
        """Returns the newest jobs (before a number), filtered by states and owner if they are given."""
        query = sa.select(
            *(jobs.c[name] for name in _COLUMNS),
            sa.func.substr(jobs.c.id, 1, HANDLE_CHARS).label("handle"),
            WANTED_MODEL.label("model"),
            jobs.c.error_code,
            jobs.c.error_message,
            jobs.c.waiting_code,
            jobs.c.waiting_message,
        )
        if statuses:
            query = query.where(jobs.c.status.in_(statuses))
        if owner is not None:
            query = query.where(jobs.c.owner == owner)
        if before is not None:
            query = query.where(jobs.c.number < before)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(jobs.c.number.desc()).limit(limit + 1)).mappings().all()
        summaries = tuple(_summary(row) for row in rows[:limit])
        return JobPage(summaries, summaries[-1].number if len(rows) > limit else None)

    def id_of(self, handle: str) -> str:
        """Returns the whole id of a job. Raises `NotFound`."""
        query = sa.select(jobs.c.id).where(jobs.c.id >= handle, jobs.c.id < handle + "g")
        with self._database.read() as connection:
            job_id = connection.execute(query).scalar() if HANDLE.fullmatch(handle) else None
        if job_id is None:
            raise NotFound("There is no such job.")
        return str(job_id)

    def counts(self) -> dict[JobStatus, int]:
        """Returns the number of jobs of each state."""
        query = sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)
        with self._database.read() as connection:
            found: dict[JobStatus, int] = {row[0]: row[1] for row in connection.execute(query)}
        return found


def _summary(row: sa.RowMapping) -> JobSummary:
    error, waiting = error_of(row, "error"), error_of(row, "waiting")
    return JobSummary(
        handle=row["handle"],
        model=row["model"],
        error=error,
        waiting=waiting,
        **{name: row[name] for name in _COLUMNS},
    )
