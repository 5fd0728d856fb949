"""The job repository: adds, claims, requeues and ends jobs, and stores the windows that each has finished."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import Conflict, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.jobs.idempotency import job_for_key
from whisper_appliance.jobs.job import FinishedWindow, Job, JobRequest
from whisper_appliance.jobs.lanes import Lane
from whisper_appliance.jobs.limits import QueueLimits, check_queue_limit, network_digest
from whisper_appliance.jobs.queries import JobQueries, job_from_row
from whisper_appliance.jobs.storage import OnFinished
from whisper_appliance.jobs.time_left import ESTIMATED_BYTES_PER_SECOND
from whisper_appliance.jobs.waiting_order import IS_PAUSED, TURN, WaitingJob, is_paused, read_waiting
from whisper_appliance.library.transcript_rows import (
    NO_OWNER,
    NewTranscript,
    OnCreated,
    TranscriptCreated,
    clean_title,
    find_by_content,
    ignore,
    insert,
    replace_live_version,
    title_from_file_name,
)
from whisper_appliance.library.translations import store_translation
from whisper_appliance.library.voices import store_found
from whisper_appliance.storage.database import Connection, Database
from whisper_appliance.storage.schema.jobs import (
    ENDED_WITHOUT_TRANSCRIPT,
    UNFINISHED,
    JobStatus,
    jobs,
    paused_queues,
    windows,
)
from whisper_appliance.transcript.codec import to_json
from whisper_appliance.transcript.model import Transcript

CheckQuota = Callable[[Connection, str, int], None]
"""Called in the transaction that adds a recording, with its owner and its bytes; its errors refuse it."""
OnEnded = Callable[[Connection, sa.RowMapping], None]
"""Called with the row of a job that has ended, in the transaction that ends it."""
ADMISSION = "admission of jobs"
ORDER = "order of jobs"
COUNTED_SOURCES = ("upload", "watch")
"""The sources of jobs that count for quotas: a live session counts by itself, a text has no audio."""
NOT_WAITING_ANY_MORE = N_("This recording does not wait any more.")
IS_TRANSLATED = N_("Another job makes this translation already.")
NOT_WAITING = {"waiting_code": None, "waiting_message": None, "retry_at": None}


class JobRepository(JobQueries):
    """All jobs in a database, read and changed. A change raises `Conflict` if the job is in another state.

    Changes by a worker also raise `Conflict` if another worker has taken the job over.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock = now,
        on_created: OnCreated = ignore,
        on_ended: OnEnded = lambda _connection, _job: None,
        check_quota: CheckQuota = lambda _connection, _owner, _bytes: None,
    ) -> None:
        """`on_created` is called for every new transcript, in the transaction that stores it, `on_ended` for
        every job that is done or has failed.
        """
        super().__init__(database, clock=clock)
        self._on_created = on_created
        self.on_ended = on_ended
        self._check_quota = check_quota
        self._worker = self._place = ""

    def register_worker(self, worker: str, place: str) -> None:
        """Sets the id of this worker, and the place of the recordings of the jobs it adds and claims."""
        self._worker, self._place = worker, place

    def add(
        self,
        request: JobRequest,
        *,
        audio: str,
        audio_bytes: int,
        limits: QueueLimits,
        claimed: bool = False,
    ) -> Job:
        """Commits a queued job, or a running one if it is `claimed` at once, which saves a second commit.

        A repeated request, or another one for the same translation, gets the job of the first one. Raises
        `Busy` at a limit, and `KeyReused`.
        """
        row = self._new_row(request, audio=audio, audio_bytes=audio_bytes, claimed=claimed)
        return self._insert(row, request, limits)

    def _new_row(
        self, request: JobRequest, *, audio: str, audio_bytes: int, claimed: bool
    ) -> dict[str, object]:
        created = self._now()
        return {
            "id": request.id,
            "owner": request.owner,
            "source": request.source,
            "model": request.model,
            "preferred_model": request.preferred_model,
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
            "created": created,
            "started": created if claimed else None,
            "idempotency_key": request.idempotency and request.idempotency.key,
            "fingerprint": request.idempotency and request.idempotency.fingerprint,
            "content_digest": request.content_digest,
            "translation_of": request.translation_of,
            "translate_to": request.translate_to,
            "network": network_digest(request.network),
            "place": self._place,
            "worker": self._worker if claimed else None,
        }

    def _insert(self, row: dict[str, object], request: JobRequest, limits: QueueLimits) -> Job:
        with self._database.write(exclusive=ADMISSION) as connection:
            first = job_for_key(connection, request.idempotency) if request.idempotency else None
            if first is not None:
                return job_from_row(first)
            if translating := _translating(connection, request.translation_of):
                return job_from_row(translating)
            if existing := _existing(connection, request):
                row |= self._reused(*existing)
                return job_from_row(_added(connection, row))
            check_queue_limit(connection, request.owner, network_digest(request.network), limits)
            if row["worker"] and is_paused(connection, request.owner):
                row |= {"status": "queued", "attempts": 0, "worker": None, "started": None}
            if request.source in COUNTED_SOURCES:
                self._check_quota(connection, request.owner, _new_bytes(row))
            return job_from_row(_added(connection, row))

    def _reused(self, transcript_id: str, duration: float) -> dict[str, object]:
        """The columns of a job that is done at once, because its transcript is there."""
        done = {"status": "done", "progress": 1.0, "attempts": 0, "worker": None, "finished": self._now()}
        return done | {"transcript_id": transcript_id, "duration": duration}

    def check_queue_limit(self, owner: str, network: str, limits: QueueLimits) -> None:
        """Raises `Busy` if `add` would."""
        with self._database.read() as connection:
            check_queue_limit(connection, owner, network_digest(network), limits)

    def claimable(self) -> tuple[WaitingJob, ...]:
        """Returns the jobs that this worker may claim now, in the order in which they start."""
        with self._database.read() as connection:
            return read_waiting(connection, self._clock(), self._may_claim()).order

    def claim(self, job_id: str) -> Job:
        """Assigns a queued job to this worker, marks it as running, and counts the attempt.

        Raises `Conflict` also if another worker was quicker, if the recording is at another place, or if the
        owner has paused the queue.
        """
        with self._database.write() as connection:
            row = connection.execute(
                jobs.update()
                .where(jobs.c.id == job_id, jobs.c.status == "queued", self._may_claim(), ~IS_PAUSED)
                .values(
                    status="running",
                    worker=self._worker,
                    attempts=jobs.c.attempts + 1,
                    **NOT_WAITING,
                    started=sa.func.coalesce(jobs.c.started, self._now()),
                )
                .returning(*jobs.c)
            )
            return job_from_row(_found(row.mappings().first()))

    def move(self, job_id: str, owner: str, before: str | None) -> None:
        """Moves a waiting job before another one of its owner, or behind them all.

        If the other one has started already, the job becomes the owner's first. Jobs that run or have ended
        raise `Conflict`; a job of another owner raises `NotFound`.
        """
        with self._database.write(exclusive=ORDER) as connection:
            of_owner = sa.and_(jobs.c.owner == owner, jobs.c.owner != NO_OWNER)
            found = (
                connection.execute(sa.select(jobs).where(of_owner, jobs.c.id == job_id)).mappings().first()
            )
            if found is None:
                raise NotFound("There is no such job.")
            lane = jobs.c.priority == found["priority"]
            query = sa.select(jobs.c.id, TURN.label("turn")).where(of_owner, jobs.c.status == "queued", lane)
            turns = {row.id: row.turn for row in connection.execute(query.order_by(TURN))}
            if job_id not in turns:
                raise Conflict(NOT_WAITING_ANY_MORE)
            order = [each for each in turns if each != job_id]
            if before is not None and before not in turns:
                _check_exists(connection, before, of_owner)
            index = len(order) if before is None else order.index(before) if before in order else 0
            order.insert(index, job_id)
            for each, turn in zip(order, sorted(turns.values()), strict=True):
                connection.execute(jobs.update().where(jobs.c.id == each).values(turn=turn))

    def put_first(self, job_id: str) -> None:
        """Gives a waiting job precedence over all others. Raises `Conflict` if it does not wait."""
        with self._database.write(exclusive=ORDER) as connection:
            highest = sa.select(sa.func.max(jobs.c.precedence)).where(jobs.c.status == "queued")
            precedence = (connection.execute(highest).scalar() or 0) + 1
            change = jobs.update().where(jobs.c.id == job_id, jobs.c.status == "queued")
            if connection.execute(change.values(precedence=precedence)).rowcount == 0:
                raise Conflict(NOT_WAITING_ANY_MORE)

    def pause(self, owner: str) -> None:
        """Lets no further job of this owner start until `resume`."""
        with self._database.write(exclusive=ADMISSION) as connection:
            if not is_paused(connection, owner):
                connection.execute(paused_queues.insert().values(owner=owner, since=self._now()))

    def resume(self, owner: str) -> None:
        """Lets the jobs of this owner start again."""
        with self._database.write() as connection:
            connection.execute(paused_queues.delete().where(paused_queues.c.owner == owner))

    def requeue(self, job_ids: list[str]) -> None:
        """Puts running jobs back when the appliance stops; the interrupted attempt does not count."""
        with self._database.write() as connection:
            connection.execute(
                jobs.update()
                .where(jobs.c.id.in_(job_ids), jobs.c.status == "running", self._is_held())
                .values(status="queued", attempts=jobs.c.attempts - 1)
            )

    def change_lane(self, job_id: str, lane: Lane, *, requeue: bool) -> None:
        """Moves a running job of this worker to another lane; puts it back if it has no slot there.

        An attempt that is put back does not count, and any worker with its recording may claim the job.
        Raises `Conflict` also if a job that is to be cancelled would be put back.
        """
        queued = {"status": "queued", "worker": None, "started": None, "attempts": jobs.c.attempts - 1}
        conditions = (self._is_held(), ~jobs.c.cancel_requested) if requeue else (self._is_held(),)
        with self._database.write() as connection:
            self._update(connection, job_id, *conditions, lane=lane, **(queued if requeue else {}))

    def postpone(self, job_id: str, code: str, message: str, seconds: float) -> None:
        """Puts a running job of this worker back for some seconds; this attempt does not count.

        Any worker with its recording may claim it then, because it may have what is missing here.
        """
        retry_at = written(self._clock() + timedelta(seconds=seconds))
        with self._database.write() as connection:
            self._update(
                connection, job_id, self._is_held(), status="queued", worker=None,
                attempts=jobs.c.attempts - 1, retries=jobs.c.retries + 1,
                waiting_code=code, waiting_message=message, retry_at=retry_at,
            )  # fmt: skip

    def reopen(self, job_id: str, owner: str, limits: QueueLimits) -> Job:
        """Queues a failed or cancelled job again, as if it were new; its recording is at this worker's place.

        Raises `Conflict`, also if its translation is made by another job, and what refuses a new job.
        """
        afresh = {"status": "queued", "progress": 0.0, "attempts": 0, "retries": 0, "cancel_requested": False}
        empty = dict.fromkeys(("error_code", "error_message", "started", "finished", "worker"))
        last = sa.select(sa.func.max(TURN) + 1).scalar_subquery()
        ended = sa.and_(jobs.c.id == job_id, jobs.c.status.in_(ENDED_WITHOUT_TRANSCRIPT))
        reopening = jobs.update().where(ended).returning(*jobs.c)
        reopening = reopening.values(**afresh, **empty, turn=last, precedence=0, place=self._place)
        with self._database.write(exclusive=ADMISSION) as connection:
            row = _found(connection.execute(sa.select(jobs).where(ended)).mappings().first())
            if _translating(connection, row["translation_of"]):
                raise Conflict(IS_TRANSLATED)
            check_queue_limit(connection, owner, row["network"], limits)
            if row["source"] in COUNTED_SOURCES:
                self._check_quota(connection, owner, 0)  # its upload is kept, and counts already
            return job_from_row(_found(connection.execute(reopening).mappings().first()))

    def add_window(
        self, job_id: str, window: FinishedWindow, progress: float, duration: float | None
    ) -> None:
        """Stores one finished window and the progress of the job, in one small transaction."""
        with self._database.write() as connection:
            state = {"progress": progress, "duration": duration, "attempts": 1, "retries": 0}
            self._update(connection, job_id, self._is_held(), **state)
            same = sa.and_(windows.c.job_id == job_id, windows.c.start_sample == window.start_sample)
            connection.execute(windows.delete().where(same))
            connection.execute(
                windows.insert().values(
                    job_id=job_id,
                    start_sample=window.start_sample,
                    stop_sample=window.stop_sample,
                    result=to_json(window.result),
                )
            )

    def set_progress(self, job_id: str, progress: float) -> None:
        """Stores the progress of a job whose windows are all finished."""
        with self._database.write() as connection:
            self._update(connection, job_id, self._is_held(), progress=progress)

    def set_duration(self, job_id: str, duration: float) -> None:
        """Stores the length of a running job's recording, as its header gives it."""
        with self._database.write() as connection:
            self._update(connection, job_id, self._is_held(), duration=duration)

    def finish(
        self,
        job: Job,
        transcript: Transcript,
        on_finished: OnFinished = lambda _connection: None,
        voices: Mapping[str, Sequence[float]] = MappingProxyType({}),
    ) -> None:
        """In one transaction: stores the transcript, marks the job as done, removes its windows.

        `on_finished` is called at its end. `voices` are those of speakers by name, stored for owners who want
        them remembered.

        The transcript has the id of its job, so that no crash can lead to two transcripts. A live transcript
        of the same id is kept as its live version. A translation is stored with its transcript; raises
        `NotFound` if that was deleted for good.
        """
        made = job.translation_of or job.id
        done = {"progress": 1.0, "transcript_id": made, "duration": transcript.duration}
        with self._database.write() as connection:
            row = self._end(connection, job.id, ("running",), self._is_held(), status="done", **done)
            if job.translation_of:
                store_translation(connection, job.translation_of, transcript, self._now())
                # A text has no audio that counts.
                counted = replace(transcript, duration=0.0) if job.translate_to else transcript
                self._on_created(connection, TranscriptCreated(made, job.owner, job.key_id, counted))
                return
            again = replace_live_version(connection, transcript, job.id)
            owner = row["owner"]  # the job may have been transferred in the meantime
            self._on_created(connection, TranscriptCreated(made, job.owner, job.key_id, transcript, again))
            if not again:
                new = NewTranscript(
                    job.id, owner, job.title, job.source, self._now(), job.id, job.content_digest
                )
                insert(connection, transcript, new)
            store_found(connection, job.id, owner, voices)
            on_finished(connection)

    def fail(self, job_id: str, code: str, message: str) -> None:
        """Ends a running job of this worker with an error."""
        error = {"error_code": code, "error_message": message}
        with self._database.write() as connection:
            self._end(connection, job_id, ("running",), self._is_held(), status="failed", **error)

    def cancel(self, job_id: str) -> None:
        """Cancels a queued job, no matter which worker holds it."""
        with self._database.write() as connection:
            self._end(connection, job_id, ("queued",), status="cancelled", cancel_requested=True)

    def abandon(self, job_id: str) -> None:
        """Cancels a job of this worker, queued or running."""
        ended = {"status": "cancelled", "cancel_requested": True}
        with self._database.write() as connection:
            self._end(connection, job_id, UNFINISHED, self._may_claim(), **ended)

    def ended_without_transcript(self, *, since: str = "", before: str = "") -> list[Job]:
        """Returns the failed and cancelled jobs that ended at or after one moment and before another."""
        ended = [jobs.c.status.in_(ENDED_WITHOUT_TRANSCRIPT), jobs.c.finished >= since]
        if before:
            ended.append(jobs.c.finished < before)
        with self._database.read() as connection:
            return [job_from_row(row) for row in connection.execute(sa.select(jobs).where(*ended)).mappings()]

    def request_cancel(self, job_id: str) -> None:
        """Requests the cancellation of a running job; its worker stops at the next window."""
        with self._database.write() as connection:
            self._update(connection, job_id, cancel_requested=True)

    def is_to_stop(self, job_id: str) -> bool:
        """Returns whether a user requested the cancellation of a running job of this worker."""
        query = sa.select(jobs.c.cancel_requested).where(jobs.c.id == job_id, self._is_held())
        with self._database.read() as connection:
            return bool(_found(connection.execute(query).scalar()))

    def delete_ended_before(self, moment: str) -> list[str]:
        """Deletes the rows of jobs that ended before a moment; returns their ids. Transcripts stay."""
        old = jobs.delete().where(jobs.c.status.not_in(UNFINISHED), jobs.c.finished < moment)
        with self._database.write() as connection:
            return list(connection.execute(old.returning(jobs.c.id)).scalars())

    def _is_held(self) -> sa.ColumnElement[bool]:
        return jobs.c.worker == self._worker

    def _may_claim(self) -> sa.ColumnElement[bool]:
        return sa.and_(jobs.c.place == self._place, sa.or_(jobs.c.worker.is_(None), self._is_held()))

    def _end(
        self,
        connection: sa.Connection,
        job_id: str,
        expected: tuple[JobStatus, ...],
        *conditions: sa.ColumnElement[bool],
        **values: object,
    ) -> sa.RowMapping:
        ending = jobs.update().where(jobs.c.id == job_id, jobs.c.status.in_(expected), *conditions)
        ended = {**NOT_WAITING, **values, "finished": self._now()}
        job: sa.RowMapping = _found(
            connection.execute(ending.values(ended).returning(*jobs.c)).mappings().first()
        )
        connection.execute(windows.delete().where(windows.c.job_id == job_id))
        if job["status"] != "cancelled":
            self.on_ended(connection, job)
        return job

    def _update(
        self, connection: sa.Connection, job_id: str, *conditions: sa.ColumnElement[bool], **values: object
    ) -> None:
        change = jobs.update().where(jobs.c.id == job_id, jobs.c.status == "running", *conditions)
        _found(connection.execute(change.values(**values)).rowcount or None)

    def _now(self) -> str:
        return written(self._clock())


def _check_exists(connection: sa.Connection, job_id: str, condition: sa.ColumnElement[bool]) -> None:
    if connection.execute(sa.select(jobs.c.id).where(jobs.c.id == job_id, condition)).first() is None:
        raise NotFound("There is no such job.")


def pending_seconds(owner: str, *, estimated: bool = True) -> sa.ColumnElement[float]:
    """The seconds of audio of an owner's unfinished jobs; `estimated`: by their size where not yet known.

    Those of a live session were counted with its captions, and a text has none.
    """
    by_size = jobs.c.audio_bytes / ESTIMATED_BYTES_PER_SECOND
    seconds = sa.func.coalesce(jobs.c.duration, by_size) if estimated else jobs.c.duration
    unfinished = sa.and_(jobs.c.owner == owner, jobs.c.status.in_(UNFINISHED))
    counted = sa.and_(unfinished, jobs.c.source.in_(COUNTED_SOURCES))
    return sa.select(sa.func.coalesce(sa.func.sum(seconds), 0.0)).where(counted).scalar_subquery()


def _new_bytes(row: Mapping[str, Any]) -> int:
    """The bytes that a job adds to what is stored; a translation has those of its transcript."""
    return 0 if row["translation_of"] else row["audio_bytes"]


def _existing(connection: sa.Connection, request: JobRequest) -> tuple[str, float] | None:
    if not (request.reuse and request.content_digest):
        return None
    return find_by_content(connection, request.owner, request.content_digest)


def _translating(connection: sa.Connection, transcript_id: str | None) -> sa.RowMapping | None:
    """The unfinished job that translates a transcript: two at once would do the same work twice."""
    if transcript_id is None:
        return None
    of_transcript = sa.select(jobs).where(jobs.c.translation_of == transcript_id)
    return connection.execute(of_transcript.where(jobs.c.status.in_(UNFINISHED))).mappings().first()


def _added(connection: sa.Connection, row: dict[str, object]) -> sa.RowMapping:
    return connection.execute(jobs.insert().values(row).returning(*jobs.c)).mappings().one()


def _found(found: Any) -> Any:
    """Returns the row or count of a change. Raises `Conflict` if there is none."""
    if found is None:
        raise Conflict("The job is not in a state in which this can be done.")
    return found
