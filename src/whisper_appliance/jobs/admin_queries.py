"""The jobs of everybody, for those who run the appliance: how far each is, never what is said in it.

A job of nobody is open to whoever knows its id, and so is its transcript. So jobs are named by their handle,
the first half of the id: enough to tell them apart, too little to open one.
"""

import re
from dataclasses import dataclass, fields

import sqlalchemy as sa

from whisper_appliance.core.errors import NotFound
from whisper_appliance.jobs.job import JobError
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import JobStatus, jobs

HANDLE_CHARS = 16
HANDLE = re.compile(f"[0-9a-f]{{{HANDLE_CHARS}}}")


@dataclass(frozen=True, slots=True)
class JobSummary:
    """A job without its words and titles; `number` counts all jobs in the order they came."""

    number: int
    handle: str
    owner: str
    status: JobStatus
    priority: int
    progress: float
    error: JobError | None
    source: str
    model: str | None
    audio_bytes: int
    duration: float | None
    attempts: int
    cancel_requested: bool
    created: str
    started: str | None
    finished: str | None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, the newest first, and the number before which the next page begins."""

    jobs: tuple[JobSummary, ...]
    next_before: int | None


_SAME = tuple(field.name for field in fields(JobSummary) if field.name not in ("handle", "error"))


class JobAdminQueries:
    """Looks at all jobs in a database."""

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
        """The newest jobs (before a number), of these states and this owner; none given is all."""
        question = sa.select(
            *(jobs.c[name] for name in _SAME),
            sa.func.substr(jobs.c.id, 1, HANDLE_CHARS).label("handle"),
            jobs.c.error_code,
            jobs.c.error_message,
        )
        if statuses:
            question = question.where(jobs.c.status.in_(statuses))
        if owner is not None:
            question = question.where(jobs.c.owner == owner)
        if before is not None:
            question = question.where(jobs.c.number < before)
        with self._database.read() as connection:
            rows = (
                connection.execute(question.order_by(jobs.c.number.desc()).limit(limit + 1)).mappings().all()
            )
        seen = tuple(_seen(row) for row in rows[:limit])
        return JobPage(seen, seen[-1].number if len(rows) > limit else None)

    def id_of(self, handle: str) -> str:
        """The whole id of a job. Raises `NotFound`."""
        question = sa.select(jobs.c.id).where(jobs.c.id >= handle, jobs.c.id < handle + "g")
        with self._database.read() as connection:
            id = connection.execute(question).scalar() if HANDLE.fullmatch(handle) else None
        if id is None:
            raise NotFound("There is no such job.")
        return str(id)

    def counts(self) -> dict[JobStatus, int]:
        """How many jobs of each state there are."""
        question = sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)
        with self._database.read() as connection:
            found: dict[JobStatus, int] = {row[0]: row[1] for row in connection.execute(question)}
        return found


def _seen(row: sa.RowMapping) -> JobSummary:
    error = JobError(row["error_code"], row["error_message"]) if row["error_code"] is not None else None
    return JobSummary(handle=row["handle"], error=error, **{name: row[name] for name in _SAME})
