"""The order in which waiting jobs start: precedence, fairness among owners, and each owner's own order.

Claims, positions and estimates all use it.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from whisper_appliance.engines.contract import Priority
from whisper_appliance.storage.schema.jobs import jobs, paused_queues

Lane = Literal["interactive", "batch"]
"""Jobs of a lane have a limit of their own for how many run at once; interactive ones come first."""

TURN: sa.ColumnElement[int] = sa.func.coalesce(jobs.c.turn, jobs.c.number)
"""The place of a job among those of its owner; a smaller one starts first."""
IS_PAUSED: sa.ColumnElement[bool] = jobs.c.owner.in_(sa.select(paused_queues.c.owner))
_COLUMNS = (jobs.c.id, jobs.c.owner, jobs.c.priority, jobs.c.precedence, jobs.c.attempts, TURN.label("turn"))


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A queued job, as far as the order needs it. `turn` orders the jobs of an owner."""

    id: str
    owner: str
    priority: int
    precedence: int
    attempts: int
    turn: int
    paused: bool = False
    due: bool = True
    """False while it is postponed."""

    @property
    def lane(self) -> Lane:
        """The lane in which it waits."""
        return lane_of(self.priority)

    @property
    def own_key(self) -> tuple[bool, int, int]:
        """Sorts the jobs of one owner."""
        return self.lane == "batch", -self.precedence, self.turn


@dataclass(frozen=True, slots=True)
class WaitingQueue:
    """All waiting jobs: those that can start, in their order, and the place of each among its owner's."""

    order: tuple[WaitingJob, ...]
    positions: Mapping[str, int]
    """1 starts next. Paused and postponed jobs have none."""
    own_places: Mapping[str, int]
    """Among the waiting jobs of the same owner, paused and postponed ones too; from 1."""
    paused: frozenset[str]
    """Ids of jobs whose owner paused the queue."""


def is_paused(connection: sa.Connection, owner: str) -> bool:
    """Returns whether this owner paused the own queue."""
    query = sa.select(paused_queues.c.owner).where(paused_queues.c.owner == owner)
    return connection.execute(query).first() is not None


def lane_of(priority: int) -> Lane:
    """The lane of jobs of this priority."""
    return "batch" if priority == Priority.BATCH else "interactive"


def start_order(waiting: Iterable[WaitingJob], running: Mapping[tuple[Lane, str], int]) -> list[WaitingJob]:
    """Orders jobs by their start.

    In each lane, jobs with precedence come first, the highest first. Of the others, the next is one of the
    owner with the fewest jobs that run or come before (`running` counts those that run), then the one that
    waits longest. So nobody waits for all jobs of somebody else.
    """
    lanes: dict[Lane, list[WaitingJob]] = {"interactive": [], "batch": []}
    for job in waiting:
        lanes[job.lane].append(job)
    return [job for lane, found in lanes.items() for job in _fair_order(lane, found, running)]


def read_waiting(connection: sa.Connection, now: str, *conditions: sa.ColumnElement[bool]) -> WaitingQueue:
    """Reads the queue; with conditions, only the jobs that meet them. `now` decides which jobs are due."""
    is_due = sa.or_(jobs.c.retry_at.is_(None), jobs.c.retry_at <= now)
    columns = (*_COLUMNS, IS_PAUSED.label("paused"), is_due.label("due"))
    query = sa.select(*columns).where(jobs.c.status == "queued", *conditions)
    waiting = [WaitingJob(*row) for row in connection.execute(query)]
    order = start_order(
        [job for job in waiting if job.due and not job.paused], _running(connection) if waiting else {}
    )
    by_owner: defaultdict[str, list[WaitingJob]] = defaultdict(list)
    for job in sorted(waiting, key=lambda job: job.own_key):
        by_owner[job.owner].append(job)
    return WaitingQueue(
        tuple(order),
        {job.id: place for place, job in enumerate(order, 1)},
        {job.id: place for own in by_owner.values() for place, job in enumerate(own, 1)},
        frozenset(job.id for job in waiting if job.paused),
    )


def _running(connection: sa.Connection) -> dict[tuple[Lane, str], int]:
    query = sa.select(jobs.c.priority, jobs.c.owner, sa.func.count()).where(jobs.c.status == "running")
    counts: defaultdict[tuple[Lane, str], int] = defaultdict(int)
    for priority, owner, count in connection.execute(query.group_by(jobs.c.priority, jobs.c.owner)):
        counts[lane_of(priority), owner] += count
    return counts


def _fair_order(
    lane: Lane, waiting: Iterable[WaitingJob], running: Mapping[tuple[Lane, str], int]
) -> list[WaitingJob]:
    by_owner: defaultdict[str, list[WaitingJob]] = defaultdict(list)
    order: list[WaitingJob] = []
    for job in sorted(waiting, key=lambda job: job.own_key):
        (order if job.precedence else by_owner[job.owner]).append(job)
    order.sort(key=lambda job: -job.precedence)
    heap = [(running.get((lane, owner), 0), own[0].turn, owner, 0) for owner, own in by_owner.items()]
    heapq.heapify(heap)
    while heap:
        count, _turn, owner, index = heapq.heappop(heap)
        own = by_owner[owner]
        order.append(own[index])
        if index + 1 < len(own):
            heapq.heappush(heap, (count + 1, own[index + 1].turn, owner, index + 1))
    return order
