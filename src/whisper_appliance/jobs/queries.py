"""Read-only queries on jobs: one job, a page of an owner's jobs, what waits, counts, finished windows."""

from dataclasses import fields
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import NotFound
from whisper_appliance.engines.contract import Options, Priority, WindowResult
from whisper_appliance.jobs.job import FinishedWindow, Job, JobError
from whisper_appliance.jobs.lanes import lane_of
from whisper_appliance.jobs.pace import Kind
from whisper_appliance.jobs.time_left import ESTIMATED_BYTES_PER_SECOND, Work
from whisper_appliance.jobs.waiting_order import IS_PAUSED, LANE, WaitingQueue, is_paused, read_waiting
from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import UNFINISHED, JobStatus, jobs, windows
from whisper_appliance.transcript.codec import from_json

WANTED_MODEL: sa.ColumnElement[str | None] = sa.func.coalesce(jobs.c.model, jobs.c.preferred_model)


class JobQueries:
    """Reads the rows of jobs and of their finished windows."""

    def __init__(self, database: Database, *, clock: Clock = now) -> None:
        self._database = database
        self._clock = clock

    def get(self, job_id: str, owner: str | None = None) -> Job:
        """Returns one job; with an owner, only a job that this owner may see. Raises `NotFound`."""
        query = sa.select(jobs).where(jobs.c.id == job_id)
        if owner is not None:
            query = query.where(jobs.c.owner.in_((NO_OWNER, owner)))
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound("There is no such job.")
        return job_from_row(row)

    def unfinished(self, *conditions: sa.ColumnElement[bool]) -> list[Job]:
        """Returns all queued and running jobs that meet the conditions, in the order of their creation."""
        query = sa.select(jobs).where(jobs.c.status.in_(UNFINISHED), *conditions).order_by(jobs.c.number)
        with self._database.read() as connection:
            return [job_from_row(row) for row in connection.execute(query).mappings()]

    def recent(
        self,
        owner: str,
        *,
        hours: float,
        limit: int = 100,
        before: str | None = None,
        status: JobStatus | None = None,
    ) -> list[Job]:
        """Returns the owner's jobs of the last hours, ended ones included, newest first.

        `before` is the id of a job: only older ones. Without an owner the list is empty, because such jobs
        are found by their id alone.
        """
        since = written(self._clock() - timedelta(hours=hours))
        owned = sa.and_(jobs.c.owner == owner, jobs.c.owner != NO_OWNER, jobs.c.created >= since)
        query = sa.select(jobs).where(owned).order_by(jobs.c.number.desc()).limit(limit)
        if before:
            cursor = jobs.alias()
            number = sa.select(cursor.c.number).where(cursor.c.id == before, cursor.c.owner == owner)
            query = query.where(jobs.c.number < number.scalar_subquery())
        if status:
            query = query.where(jobs.c.status == status)
        with self._database.read() as connection:
            return [job_from_row(row) for row in connection.execute(query).mappings()]

    def translating(self, transcript_id: str) -> Job | None:
        """The unfinished job that translates the recording of a transcript, if there is one."""
        found = self.unfinished(jobs.c.translation_of == transcript_id)
        return found[0] if found else None

    def waiting(self) -> WaitingQueue:
        """Returns the queue as it is now: positions, own places, what is paused."""
        with self._database.read() as connection:
            return read_waiting(connection, self._clock())

    def is_paused(self, owner: str) -> bool:
        """Returns whether this owner paused the own queue."""
        with self._database.read() as connection:
            return is_paused(connection, owner)

    def remaining_work(self, default_model: str) -> list[Work]:
        """What is left of all unfinished jobs: those that run, then the others in the order of their start.

        A job that was postponed counts once it is due. The length of a recording that was not decoded yet is
        estimated from its size.
        """
        length = sa.func.coalesce(jobs.c.duration, 1.0 * jobs.c.audio_bytes / ESTIMATED_BYTES_PER_SECOND)
        columns = (jobs.c.id, jobs.c.priority, LANE, WANTED_MODEL, jobs.c.options, jobs.c.progress, length)
        query = sa.select(*columns)
        query = query.where(jobs.c.status.in_(UNFINISHED), jobs.c.retry_at.is_(None))
        query = query.where(sa.or_(jobs.c.status == "running", ~IS_PAUSED))
        with self._database.read() as connection:
            found = connection.execute(query.order_by(jobs.c.number)).all()
            positions = read_waiting(connection, self._clock()).positions
        rows = sorted(found, key=lambda row: positions.get(row.id, 0))
        return [
            Work(
                job_id,
                Priority(priority),
                lane,
                Kind(model or default_model, from_json(Options, options).quality),
                progress * seconds,
                (1 - progress) * seconds,
            )
            for job_id, priority, lane, model, options, progress, seconds in rows
        ]

    def counts(self) -> dict[JobStatus, int]:
        """Returns how many jobs are queued and how many are running."""
        query = sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)
        with self._database.read() as connection:
            rows = connection.execute(query.where(jobs.c.status.in_(UNFINISHED))).all()
        found = {row[0]: row[1] for row in rows}
        return {status: found.get(status, 0) for status in UNFINISHED}

    def windows_of(self, job_id: str, *, after_sample: int = -1) -> list[FinishedWindow]:
        """Returns the finished windows of a running job in order, those that start after a sample."""
        query = sa.select(windows).where(windows.c.job_id == job_id, windows.c.start_sample > after_sample)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(windows.c.start_sample)).mappings().all()
        return [
            FinishedWindow(row["start_sample"], row["stop_sample"], from_json(WindowResult, row["result"]))
            for row in rows
        ]

    def cancel_requested(self, job_id: str) -> bool:
        """Returns whether a user requested the cancellation of a running job."""
        query = sa.select(jobs.c.cancel_requested).where(jobs.c.id == job_id)
        with self._database.read() as connection:
            return bool(connection.execute(query).scalar())


def job_from_row(row: sa.RowMapping) -> Job:
    """Converts a row of the table of jobs."""
    values = {field.name: row[field.name] for field in fields(Job) if field.name in row}
    values |= {"options": from_json(Options, row["options"]), "priority": Priority(row["priority"])}
    values["lane"] = row["lane"] or lane_of(row["priority"])
    return Job(error=error_of(row, "error"), waiting=error_of(row, "waiting"), **values)


def error_of(row: sa.RowMapping, prefix: str) -> JobError | None:
    """The error in the columns `prefix_code` and `prefix_message`."""
    code = row[f"{prefix}_code"]
    return None if code is None else JobError(code, row[f"{prefix}_message"])
