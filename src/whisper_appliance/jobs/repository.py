"""The rows of jobs and of the windows they have finished: what must survive a crash, and who is next."""

from contextlib import suppress
from dataclasses import fields
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, NotFound
from whisper_appliance.engines.contract import Options, Priority, WindowResult
from whisper_appliance.jobs import limits as waiting_line
from whisper_appliance.jobs.idempotency import job_for_key
from whisper_appliance.jobs.job import FinishedWindow, Job, JobError, JobRequest
from whisper_appliance.library.transcript_rows import (
    NO_OWNER,
    TranscriptCreated,
    OnCreated,
    insert,
    clean_title,
    replace_live_version,
    title_from_file_name,
    ignore,
)
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import UNFINISHED, JobStatus, jobs, windows
from whisper_appliance.transcript.codec import from_json, to_json
from whisper_appliance.transcript.model import Transcript


class JobRepository:
    """All jobs in a database. A change that finds the job in another state raises `Conflict`.

    So does what a worker writes of a job that another has taken over.
    """

    def __init__(self, database: Database, *, clock: Clock = now, on_created: OnCreated = ignore) -> None:
        """`on_made` is told of every transcript, in the transaction that keeps it."""
        self._database = database
        self._clock = clock
        self._on_made = on_created
        self._worker = self._place = ""

    def register_worker(self, worker: str, place: str) -> None:
        """From now on this is `worker`, and the recordings of the jobs it adds and begins lie at `place`."""
        self._worker, self._place = worker, place

    def add(
        self,
        request: JobRequest,
        *,
        audio: str,
        audio_bytes: int,
        limit: int,
        limit_per_owner: int,
        claimed: bool = False,
    ) -> Job:
        """Commits a job that waits, or one that is `begun` at once: a commit less for who waits for it.

        A request that comes again gets the job of the first. Raises `Busy` when that many wait already, in
        all or of this owner, and `KeyReused`.
        """
        moment = self._now()
        row: dict[str, object] = {
            "id": request.id,
            "owner": request.owner,
            "source": request.source,
            "model": request.model,
            "audio": audio,
            "audio_bytes": audio_bytes,
            "title": clean_title(request.title or "") or title_from_file_name(request.filename),
            "filename": clean_title(request.filename),
            "options": to_json(request.options),
            "key_id": request.key_id,
            "status": "running" if claimed else "queued",
            "priority": int(request.priority),
            "progress": 0.0,
            "attempts": int(claimed),
            "cancel_requested": False,
            "created": moment,
            "started": moment if claimed else None,
            "idempotency_key": request.idempotency and request.idempotency.key,
            "fingerprint": request.idempotency and request.idempotency.fingerprint,
            "place": self._place,
            "worker": self._worker if claimed else None,
        }
        with suppress(IntegrityError):  # PostgreSQL: the same request has just been added beside this one
            return self._added(row, request, limit, limit_per_owner)
        return self._added(row, request, limit, limit_per_owner)

    def _added(self, row: dict[str, object], request: JobRequest, limit: int, limit_per_owner: int) -> Job:
        with self._database.write() as connection:
            first = job_for_key(connection, request.idempotency) if request.idempotency else None
            if first is not None:
                return _job(first)
            waiting_line.check_queue_limit(connection, request.owner, limit, limit_per_owner)
            added = connection.execute(jobs.insert().values(row).returning(*jobs.c))
            return _job(added.mappings().one())

    def check_queue_limit(self, owner: str, *, limit: int, limit_per_owner: int) -> None:
        """Raises `Busy` when `add` would."""
        with self._database.read() as connection:
            waiting_line.check_queue_limit(connection, owner, limit, limit_per_owner)

    def get(self, id: str, owner: str | None = None) -> Job:
        """One job; with an owner, only one that this owner may see. Raises `NotFound`."""
        question = sa.select(jobs).where(jobs.c.id == id)
        if owner is not None:
            question = question.where(jobs.c.owner.in_((NO_OWNER, owner)))
        with self._database.read() as connection:
            row = connection.execute(question).mappings().first()
        if row is None:
            raise NotFound("There is no such job.")
        return _job(row)

    def unfinished(self) -> list[Job]:
        """All queued and running jobs in the order they came."""
        return self._unfinished(sa.true())

    def claimable(self) -> list[Job]:
        """Those of them that this worker may begin."""
        return self._unfinished(self._may_begin())

    def _unfinished(self, which: sa.ColumnElement[bool]) -> list[Job]:
        question = sa.select(jobs).where(jobs.c.status.in_(UNFINISHED), which).order_by(jobs.c.number)
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(question).mappings()]

    def recent(self, owner: str, *, hours: float, limit: int = 100) -> list[Job]:
        """The owner's jobs of the last hours, ended ones included, newest first. Nobody has no list."""
        since = written(self._clock() - timedelta(hours=hours))
        ours = sa.and_(jobs.c.owner == owner, jobs.c.owner != NO_OWNER, jobs.c.created >= since)
        question = sa.select(jobs).where(ours).order_by(jobs.c.number.desc()).limit(limit)
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(question).mappings()]

    def position(self, id: str) -> int:
        """How many jobs start before this one, itself included: 1 is next; 0 when it is not waiting."""
        with self._database.read() as connection:
            return waiting_line.position(connection, id)

    def counts(self) -> dict[JobStatus, int]:
        """How many jobs wait and run."""
        with self._database.read() as connection:
            return waiting_line.counts(connection)

    def claim(self, id: str) -> Job:
        """Marks a start, and counts it; the job is this worker's from now on.

        Raises `Conflict` also where another worker holds it, or its recording lies elsewhere.
        """
        with self._database.write() as connection:
            row = connection.execute(
                jobs.update()
                .where(jobs.c.id == id, jobs.c.status.in_(UNFINISHED), self._may_begin())
                .values(
                    status="running",
                    worker=self._worker,
                    attempts=jobs.c.attempts + 1,
                    started=sa.func.coalesce(jobs.c.started, self._now()),
                )
                .returning(*jobs.c)
            )
            return _job(_one(row.mappings().first()))

    def requeue(self, ids: list[str]) -> None:
        """The appliance stops: these go on after its next start, and this start is not held against them."""
        with self._database.write() as connection:
            connection.execute(
                jobs.update()
                .where(jobs.c.id.in_(ids), jobs.c.status == "running", self._held())
                .values(status="queued", attempts=jobs.c.attempts - 1)
            )

    def add_window(self, id: str, window: FinishedWindow, progress: float, duration: float | None) -> None:
        """Keeps one finished window, and how far the job is, in one small transaction."""
        with self._database.write() as connection:
            self._update(connection, id, self._held(), progress=progress, duration=duration)
            same = sa.and_(windows.c.job_id == id, windows.c.start_sample == window.start_sample)
            connection.execute(windows.delete().where(same))
            connection.execute(
                windows.insert().values(
                    job_id=id,
                    start_sample=window.start_sample,
                    stop_sample=window.stop_sample,
                    result=to_json(window.result),
                )
            )

    def windows_of(self, id: str, *, after_sample: int = -1) -> list[FinishedWindow]:
        """The windows a running job has finished, in order; those that start after a sample."""
        question = sa.select(windows).where(windows.c.job_id == id, windows.c.start_sample > after_sample)
        with self._database.read() as connection:
            rows = connection.execute(question.order_by(windows.c.start_sample)).mappings().all()
        return [
            FinishedWindow(row["start_sample"], row["stop_sample"], from_json(WindowResult, row["result"]))
            for row in rows
        ]

    def finish(self, job: Job, transcript: Transcript) -> None:
        """In one transaction: the transcript is kept, the job is done, its windows go.

        The transcript takes the id of its job, so that no crash can make two of them; a live one of the same
        id stays beside it.
        """
        done = {"progress": 1.0, "transcript_id": job.id, "duration": transcript.duration}
        with self._database.write() as connection:
            self._end(connection, job.id, ("running",), self._held(), status="done", **done)
            # Meanwhile it may have been given to somebody else.
            owner = connection.execute(sa.select(jobs.c.owner).where(jobs.c.id == job.id)).scalar_one()
            again = replace_live_version(connection, transcript, id=job.id, job_id=job.id)
            self._on_made(connection, TranscriptCreated(job.owner, job.key_id, transcript, again))
            if again:
                return
            insert(
                connection,
                transcript,
                id=job.id,
                owner=owner,
                title=job.title,
                source=job.source,
                created=self._now(),
                job_id=job.id,
            )

    def fail(self, id: str, code: str, message: str) -> None:
        """The job that was begun ends without a transcript, for a reason."""
        error = {"error_code": code, "error_message": message}
        with self._database.write() as connection:
            self._end(connection, id, ("running",), self._held(), status="failed", **error)

    def cancel(self, id: str) -> None:
        """Ends a waiting job that somebody does not want any more, whoever holds it."""
        with self._database.write() as connection:
            self._end(connection, id, ("queued",), status="cancelled", cancel_requested=True)

    def abandon(self, id: str) -> None:
        """Ends a job of this worker's own that is not wanted any more, begun or not."""
        ended = {"status": "cancelled", "cancel_requested": True}
        with self._database.write() as connection:
            self._end(connection, id, UNFINISHED, self._may_begin(), **ended)

    def request_cancel(self, id: str) -> None:
        """Asks the worker of a running job, wherever it runs, to stop at the next window."""
        with self._database.write() as connection:
            self._update(connection, id, cancel_requested=True)

    def cancel_requested(self, id: str) -> bool:
        """Whether somebody asked."""
        question = sa.select(jobs.c.cancel_requested).where(jobs.c.id == id)
        with self._database.read() as connection:
            return bool(connection.execute(question).scalar())

    def delete_ended_before(self, before: str) -> list[str]:
        """Removes the rows of jobs that ended before a moment; returns their ids. Transcripts stay."""
        old = jobs.delete().where(jobs.c.status.not_in(UNFINISHED), jobs.c.finished < before)
        with self._database.write() as connection:
            return list(connection.execute(old.returning(jobs.c.id)).scalars())

    def _held(self) -> sa.ColumnElement[bool]:
        return jobs.c.worker == self._worker

    def _may_begin(self) -> sa.ColumnElement[bool]:
        return sa.and_(jobs.c.place == self._place, sa.or_(jobs.c.worker.is_(None), self._held()))

    def _end(
        self,
        connection: sa.Connection,
        id: str,
        at: tuple[JobStatus, ...],
        *which: sa.ColumnElement[bool],
        **values: object,
    ) -> None:
        ending = jobs.update().where(jobs.c.id == id, jobs.c.status.in_(at), *which)
        _one(connection.execute(ending.values(finished=self._now(), **values)).rowcount or None)
        connection.execute(windows.delete().where(windows.c.job_id == id))

    def _update(
        self, connection: sa.Connection, id: str, *which: sa.ColumnElement[bool], **values: object
    ) -> None:
        change = jobs.update().where(jobs.c.id == id, jobs.c.status == "running", *which).values(**values)
        _one(connection.execute(change).rowcount or None)

    def _now(self) -> str:
        return written(self._clock())


def _job(row: sa.RowMapping) -> Job:
    values = {field.name: row[field.name] for field in fields(Job) if field.name in row}
    values |= {"options": from_json(Options, row["options"]), "priority": Priority(row["priority"])}
    failed = row["error_code"] is not None
    return Job(error=JobError(row["error_code"], row["error_message"]) if failed else None, **values)


def _one(found: Any) -> Any:
    if found is None:
        raise Conflict("The job is not in a state in which this can be done.")
    return found
