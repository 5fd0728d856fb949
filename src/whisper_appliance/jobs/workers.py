"""The rows of workers on one PostgreSQL database: registration, heartbeat, take-over of jobs.

A job has a `place`, where its recording is (the id of a shared folder, or the id of the worker in whose own
folder it is), and a `worker`, which has claimed it. All times are those of the database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import Conflict, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import STALE_AFTER_SECONDS, UNFINISHED, jobs, windows, workers

FREED = {"status": "queued", "worker": None, "retry_at": None}
RECORDING_GONE = N_("The recording was on a machine that is gone. Upload it again.")


@dataclass(frozen=True, slots=True)
class ThisWorker:
    """This worker, as other workers see it."""

    id: str
    place: str
    host: str
    version: str


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker, the age of its last heartbeat, and the jobs that only this worker can run."""

    id: str
    host: str
    version: str
    place: str
    started: str
    last_seen: str
    seconds_since_heartbeat: float
    running: int
    waiting: int

    @property
    def is_stale(self) -> bool:
        """Whether its last heartbeat is too old, so that its jobs may be taken over."""
        return self.seconds_since_heartbeat > STALE_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class TakeOverResult:
    """The jobs of a stale worker: those that are queued again, and those whose recordings are gone."""

    host: str
    freed: tuple[str, ...]
    failed: tuple[str, ...]


class WorkerRepository:
    """The rows of workers. On SQLite there is a single worker, which holds a lock and has no row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, this: ThisWorker) -> None:
        """Writes the row of this worker when it starts."""
        row = {**_facts(this), "started": sa.func.now()}
        with self._database.write() as connection:
            if not connection.execute(workers.update().where(workers.c.id == this.id).values(row)).rowcount:
                connection.execute(workers.insert().values(id=this.id, **row))

    def heartbeat(self, this: ThisWorker) -> None:
        """Writes the heartbeat of this worker; if its row was removed by a take-over, it registers again."""
        beat = workers.update().where(workers.c.id == this.id).values(_facts(this))
        with self._database.write() as connection:
            has_row = connection.execute(beat).rowcount
        if not has_row:
            self.register(this)

    def register_missing(self) -> None:
        """Writes a row for each worker that runs jobs without one, as if it were seen now.

        A worker that was taken over may claim jobs before its next heartbeat. If it dies before that, its
        jobs are taken over like those of others. On SQLite there is no other worker.
        """
        if self._database.is_sqlite:
            return
        from sqlalchemy.dialects import postgresql  # slow, and not needed on SQLite

        is_missing = sa.and_(jobs.c.status == "running", jobs.c.worker.not_in(sa.select(workers.c.id)))
        place = sa.func.coalesce(sa.func.max(jobs.c.place), jobs.c.worker)
        now = sa.func.now()
        missing = sa.select(jobs.c.worker, jobs.c.worker, sa.literal(""), place, now, now)
        names = ["id", "host", "version", "place", "started", "last_seen"]
        adding = postgresql.insert(workers).from_select(
            names, missing.where(is_missing).group_by(jobs.c.worker)
        )
        with self._database.write() as connection:
            connection.execute(adding.on_conflict_do_nothing())

    def recover_own_jobs(self, this: ThisWorker, has_audio: Callable[[str], bool]) -> None:
        """At a start: requeues the jobs this worker had claimed, and adopts jobs whose recordings are here.

        The latter are jobs from before this worker had a shared folder, and jobs that are older than places,
        if `has_audio` is true for their audio. On SQLite all jobs belong to this worker.
        """
        unfinished = jobs.c.status.in_(UNFINISHED)
        elsewhere = sa.or_(jobs.c.place.is_(None), jobs.c.place != this.place)
        candidates = sa.select(jobs.c.id, jobs.c.audio, jobs.c.place).where(unfinished, elsewhere)
        with self._database.write() as connection:
            adopted = [
                row.id
                for row in connection.execute(candidates)
                if self._database.is_sqlite
                or row.place == this.id
                or (row.place is None and has_audio(row.audio))
            ]
            connection.execute(
                jobs.update().where(jobs.c.id.in_(adopted)).values(place=this.place, worker=this.id)
            )
            held = sa.true() if self._database.is_sqlite else jobs.c.worker == this.id
            connection.execute(jobs.update().where(unfinished, held).values(FREED))

    def unregister(self, worker_id: str) -> None:
        """Removes the row of a worker that stops, unless it has unfinished jobs."""
        has_jobs = sa.exists().where(_held_by(sa.literal(worker_id)))
        with self._database.write() as connection:
            connection.execute(workers.delete().where(workers.c.id == worker_id, ~has_jobs))

    def page(self) -> tuple[WorkerInfo, ...]:
        """Returns all workers, ordered by host; none on SQLite."""
        if self._database.is_sqlite:
            return ()
        count = sa.select(sa.func.count()).where(_held_by(workers.c.id))
        query = sa.select(
            workers,
            sa.extract("epoch", sa.func.now() - workers.c.last_seen).label("seconds_since_heartbeat"),
            count.where(jobs.c.status == "running").scalar_subquery().label("running"),
            count.where(jobs.c.status == "queued").scalar_subquery().label("waiting"),
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(workers.c.host, workers.c.id)).mappings().all()
        return tuple(_info(row) for row in rows)

    def alive_ids(self) -> set[str]:
        """Returns the ids of the workers with a recent heartbeat."""
        return {worker.id for worker in self.page() if not worker.is_stale}

    def take_over(
        self,
        worker_id: str,
        *,
        place: str,
        has_audio: Callable[[str], bool],
        allow_loss: bool,
        moment: str,
        on_ended: Callable[[sa.Connection, sa.RowMapping], None],
    ) -> TakeOverResult:
        """Removes a stale worker and requeues its unfinished jobs, for all whose recordings are at `place`.

        A job is also requeued if `has_audio` is true for its audio. The other jobs fail, if `allow_loss`, and
        `on_ended` gets the row of each. A worker that comes back no longer holds any of them. Raises
        `NotFound`; `Conflict` if the worker is alive, if jobs would fail without `allow_loss`, or if its
        recordings are in another shared folder.
        """
        with self._database.write() as connection:
            stale = self._remove_stale(connection, worker_id)
            if stale.place not in (place, worker_id):
                raise Conflict(
                    "Its recordings are in another shared folder. Take over on a machine that has that one."
                )
            held = sa.select(jobs.c.id, jobs.c.audio).where(_held_by(sa.literal(worker_id)))
            rows = connection.execute(held.with_for_update()).all()
            freed = tuple(row.id for row in rows if stale.place == place or has_audio(row.audio))
            failed = tuple(row.id for row in rows if row.id not in freed)
            if failed and not allow_loss:
                raise Conflict(
                    "The recordings of {failed} of its jobs are on that machine only. Allow these "
                    "jobs to fail, or wait until the machine is back.",
                    failed=len(failed),
                )
            connection.execute(jobs.update().where(jobs.c.id.in_(freed)).values(**FREED, place=place))
            error = {"error_code": "not_found", "error_message": RECORDING_GONE}
            failing = jobs.update().where(jobs.c.id.in_(failed)).returning(*jobs.c)
            failing = failing.values(status="failed", finished=moment, **error)
            for job in connection.execute(failing).mappings().all():
                on_ended(connection, job)
            connection.execute(windows.delete().where(windows.c.job_id.in_(failed)))
        return TakeOverResult(stale.host, freed, failed)

    def _remove_stale(self, connection: sa.Connection, worker_id: str) -> Any:
        """Deletes the row of a stale worker and returns its place and host. Raises `NotFound`, `Conflict`."""
        oldest = sa.func.now() - timedelta(seconds=STALE_AFTER_SECONDS)
        removal = workers.delete().where(workers.c.id == worker_id, workers.c.last_seen < oldest)
        row = connection.execute(removal.returning(workers.c.place, workers.c.host)).first()
        if row is not None:
            return row
        if connection.execute(sa.select(workers.c.id).where(workers.c.id == worker_id)).first() is None:
            raise NotFound("There is no such worker.")
        raise Conflict("This worker is alive. Stop it first, or let it finish its jobs.")


def _held_by(worker_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Matches the unfinished jobs of a worker: it claimed them, or their recordings are in its own folder."""
    is_own = sa.or_(jobs.c.worker == worker_id, jobs.c.place == worker_id)
    return sa.and_(jobs.c.status.in_(UNFINISHED), is_own)


def _facts(this: ThisWorker) -> dict[str, object]:
    seen = {"last_seen": sa.func.now()}
    return {"host": this.host, "version": this.version, "place": this.place, **seen}


def _info(row: sa.RowMapping) -> WorkerInfo:
    return WorkerInfo(
        id=row["id"],
        host=row["host"],
        version=row["version"],
        place=row["place"],
        started=written(row["started"]),
        last_seen=written(row["last_seen"]),
        seconds_since_heartbeat=max(0.0, float(row["seconds_since_heartbeat"])),
        running=row["running"],
        waiting=row["waiting"],
    )
