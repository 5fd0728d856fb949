"""The workers on one PostgreSQL database: who they are, when each was heard of, and what a dead one leaves.

A job has a `place`, where its recording lies (the storage that workers share, or the id of the one worker in
whose own folder it is), and a `worker`, who holds it now. All times are the database's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import Conflict, NotFound
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.jobs import STALE_AFTER_SECONDS, UNFINISHED, jobs, windows, workers

RECORDING_GONE = "The recording lies on a machine that is gone. Upload it again."


@dataclass(frozen=True, slots=True)
class ThisWorker:
    """This worker, for others to see."""

    id: str
    place: str
    host: str
    version: str


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker, how long it has said nothing, and the jobs that go on nowhere else while it does not."""

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
        """Whether it has missed its heartbeats."""
        return self.seconds_since_heartbeat > STALE_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class TakeOverResult:
    """The jobs of a dead worker: those that others may go on with, and those whose recordings are gone."""

    host: str
    freed: tuple[str, ...]
    failed: tuple[str, ...]


class WorkerRepository:
    """The rows of workers. On SQLite there is one program, under a lock, and no row of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, me: ThisWorker) -> None:
        """Says that this worker has started."""
        row: dict[str, object] = {"host": me.host, "version": me.version, "place": me.place}
        row |= {"started": sa.func.now(), "last_seen": sa.func.now()}
        with self._database.write() as connection:
            if not connection.execute(workers.update().where(workers.c.id == me.id).values(row)).rowcount:
                connection.execute(workers.insert().values(id=me.id, **row))

    def heartbeat(self, me: ThisWorker) -> None:
        """Says that this worker lives; one that was taken over meanwhile joins again."""
        alive = workers.update().where(workers.c.id == me.id).values(last_seen=sa.func.now())
        with self._database.write() as connection:
            known = connection.execute(alive).rowcount
        if not known:
            self.register(me)

    def recover_own_jobs(self, me: ThisWorker, has_audio: Callable[[str], bool]) -> None:
        """At a start: the jobs that this worker held wait again, and strays become its own.

        Those are jobs whose recordings lay in its own folder while it had no shared one, and jobs of before
        there were places, if `is_here` says so of their audio. On SQLite all are its own.
        """
        unfinished = jobs.c.status.in_(UNFINISHED)
        elsewhere = sa.or_(jobs.c.place.is_(None), jobs.c.place != me.place)
        strays = sa.select(jobs.c.id, jobs.c.audio, jobs.c.place).where(unfinished, elsewhere)
        with self._database.write() as connection:
            ours = [
                row.id
                for row in connection.execute(strays)
                if self._database.is_sqlite
                or row.place == me.id
                or (row.place is None and has_audio(row.audio))
            ]
            connection.execute(jobs.update().where(jobs.c.id.in_(ours)).values(place=me.place, worker=me.id))
            held = sa.true() if self._database.is_sqlite else jobs.c.worker == me.id
            connection.execute(jobs.update().where(unfinished, held).values(status="queued", worker=None))

    def unregister(self, id: str) -> None:
        """Says that this worker has ended; one that leaves jobs behind stays in the list."""
        kept = sa.exists().where(_held_by(sa.literal(id)))
        with self._database.write() as connection:
            connection.execute(workers.delete().where(workers.c.id == id, ~kept))

    def page(self) -> tuple[WorkerInfo, ...]:
        """All of them, by host; none on SQLite."""
        if self._database.is_sqlite:
            return ()
        count = sa.select(sa.func.count()).where(_held_by(workers.c.id))
        question = sa.select(
            workers,
            sa.extract("epoch", sa.func.now() - workers.c.last_seen).label("silent_seconds"),
            count.where(jobs.c.status == "running").scalar_subquery().label("running"),
            count.where(jobs.c.status == "queued").scalar_subquery().label("waiting"),
        )
        with self._database.read() as connection:
            rows = connection.execute(question.order_by(workers.c.host, workers.c.id)).mappings().all()
        return tuple(_seen(row) for row in rows)

    def alive_ids(self) -> set[str]:
        """The ids of those that were heard of lately."""
        return {worker.id for worker in self.page() if not worker.is_stale}

    def take_over(
        self, id: str, *, place: str, has_audio: Callable[[str], bool], allow_loss: bool, moment: str
    ) -> TakeOverResult:
        """Frees the unfinished jobs of a silent worker, whose recordings lie at `place` or are here.

        `is_here` is asked for the audio of a job. The other jobs fail, if `losing` them was agreed to. A
        worker that comes back finds none of them its own. Raises `NotFound`, and `Conflict` for one that
        lives, for losses nobody agreed to, and for one whose recordings lie in another shared folder.
        """
        long_ago = sa.func.now() - timedelta(seconds=STALE_AFTER_SECONDS)
        dead = workers.delete().where(workers.c.id == id, workers.c.last_seen < long_ago)
        with self._database.write() as connection:
            gone = connection.execute(dead.returning(workers.c.place, workers.c.host)).first()
            if gone is None:
                raise self._refused(connection, id)
            if gone.place not in (place, id):
                raise Conflict(
                    "Its recordings lie in another shared folder. Take over on a machine that has that one."
                )
            held = sa.select(jobs.c.id, jobs.c.audio).where(
                _held_by(sa.literal(id)), jobs.c.status.in_(UNFINISHED)
            )
            left = connection.execute(held.with_for_update()).all()
            freed = tuple(row.id for row in left if gone.place == place or has_audio(row.audio))
            failed = tuple(row.id for row in left if row.id not in freed)
            if failed and not allow_loss:
                raise Conflict(
                    f"The recordings of {len(failed)} of its jobs lie on that machine alone. "
                    "Say that these jobs are to fail, or wait for it to come back."
                )
            connection.execute(
                jobs.update().where(jobs.c.id.in_(freed)).values(status="queued", worker=None, place=place)
            )
            connection.execute(
                jobs.update()
                .where(jobs.c.id.in_(failed))
                .values(
                    status="failed", error_code="not_found", error_message=RECORDING_GONE, finished=moment
                )
            )
            connection.execute(windows.delete().where(windows.c.job_id.in_(failed)))
        return TakeOverResult(gone.host, freed, failed)

    def _refused(self, connection: sa.Connection, id: str) -> Conflict | NotFound:
        if connection.execute(sa.select(workers.c.id).where(workers.c.id == id)).first() is None:
            return NotFound("There is no such worker.")
        return Conflict("This worker is alive. Stop it first, or let it do its jobs.")


def _held_by(id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Unfinished jobs of one worker: it holds them, or their recordings lie in its own folder."""
    return sa.and_(jobs.c.status.in_(UNFINISHED), sa.or_(jobs.c.worker == id, jobs.c.place == id))


def _seen(row: sa.RowMapping) -> WorkerInfo:
    return WorkerInfo(
        id=row["id"],
        host=row["host"],
        version=row["version"],
        place=row["place"],
        started=written(row["started"]),
        last_seen=written(row["last_seen"]),
        seconds_since_heartbeat=max(0.0, float(row["silent_seconds"])),
        running=row["running"],
        waiting=row["waiting"],
    )
