"""The order in which waiting jobs start: precedence, fairness among owners, and each owner's own order.

Claims, positions and estimates all use it.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

import sqlalchemy as sa

from whisper_appliance.core.clock import written
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.failures import LONGEST_PAUSE_SECONDS
from whisper_appliance.jobs.lanes import CONCURRENCY, Lane
from whisper_appliance.storage.schema.jobs import jobs, paused_queues

LANE: sa.ColumnElement[Lane] = sa.func.coalesce(
    jobs.c.lane, sa.case((jobs.c.priority == int(Priority.BATCH), "batch"), else_="interactive")
)
CLIENT: sa.ColumnElement[str] = sa.func.coalesce(jobs.c.network, jobs.c.owner)
"""Whose turn a job is: a network's if its owner has no account, because a visitor can have many names."""
TURN: sa.ColumnElement[int] = sa.func.coalesce(jobs.c.turn, jobs.c.number)
"""The place of a job among those of its owner; a smaller one starts first."""
IS_PAUSED: sa.ColumnElement[bool] = jobs.c.owner.in_(sa.select(paused_queues.c.owner))
_COLUMNS = (
    jobs.c.id, CLIENT.label("client"), jobs.c.owner, LANE.label("lane"), jobs.c.precedence, jobs.c.attempts,
    TURN.label("turn"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A queued job, as far as the order needs it. `turn` orders the jobs of an owner."""

    id: str
    client: str
    owner: str
    lane: Lane
    precedence: int
    attempts: int
    turn: int
    paused: bool = False
    due: bool = True
    """False while it is postponed."""

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


@dataclass(frozen=True, slots=True)
class RunningCounts:
    """How many jobs run in a lane, by their client and by their owner."""

    by_client: Mapping[tuple[Lane, str], int]
    by_owner: Mapping[tuple[Lane, str], int]


NOTHING_RUNS = RunningCounts({}, {})


def start_order(waiting: Iterable[WaitingJob], running: RunningCounts = NOTHING_RUNS) -> list[WaitingJob]:
    """Orders jobs by their start.

    In each lane, jobs with precedence come first, the highest first. Of the others, the next is one of the
    client with the fewest jobs that run or come before, then the one that waits longest; so are the owners
    of one client. So nobody waits for all jobs of somebody else.
    """
    lanes: dict[Lane, list[WaitingJob]] = {lane: [] for lane in CONCURRENCY}
    for job in waiting:
        lanes[job.lane].append(job)
    return [job for lane, found in lanes.items() for job in _fair_order(lane, found, running)]


def read_waiting(
    connection: sa.Connection, now: datetime, *conditions: sa.ColumnElement[bool]
) -> WaitingQueue:
    """Reads the queue; with conditions, only the jobs that meet them. `now` decides which jobs are due."""
    columns = (*_COLUMNS, IS_PAUSED.label("paused"), _is_due(now).label("due"))
    query = sa.select(*columns).where(jobs.c.status == "queued", *conditions)
    waiting = [WaitingJob(*row) for row in connection.execute(query)]
    order = start_order(
        [job for job in waiting if job.due and not job.paused],
        _running(connection) if waiting else NOTHING_RUNS,
    )
    by_owner = _grouped(sorted(waiting, key=lambda job: job.own_key), attrgetter("owner"))
    return WaitingQueue(
        tuple(order),
        {job.id: place for place, job in enumerate(order, 1)},
        {job.id: place for own in by_owner.values() for place, job in enumerate(own, 1)},
        frozenset(job.id for job in waiting if job.paused),
    )


def _is_due(now: datetime) -> sa.ColumnElement[bool]:
    """Also if no pause is as long as what is left of it, because the clock was set back then."""
    latest = written(now + timedelta(seconds=LONGEST_PAUSE_SECONDS))
    retry_at = jobs.c.retry_at
    return sa.or_(retry_at.is_(None), retry_at <= written(now), retry_at > latest)


def _running(connection: sa.Connection) -> RunningCounts:
    keys = (LANE.label("lane"), CLIENT.label("client"), jobs.c.owner)
    query = sa.select(*keys, sa.func.count().label("jobs")).where(jobs.c.status == "running")
    by_client: defaultdict[tuple[Lane, str], int] = defaultdict(int)
    by_owner: defaultdict[tuple[Lane, str], int] = defaultdict(int)
    for row in connection.execute(query.group_by(*keys)):
        by_client[row.lane, row.client] += row.jobs
        by_owner[row.lane, row.owner] += row.jobs
    return RunningCounts(by_client, by_owner)


def _fair_order(lane: Lane, waiting: Iterable[WaitingJob], running: RunningCounts) -> list[WaitingJob]:
    found = sorted(waiting, key=lambda job: job.own_key)
    first = sorted((job for job in found if job.precedence), key=lambda job: -job.precedence)
    others = _grouped((job for job in found if not job.precedence), attrgetter("client"))
    of_clients = {
        client: _take_turns(
            _grouped(own, attrgetter("owner")), lambda owner: running.by_owner.get((lane, owner), 0)
        )
        for client, own in others.items()
    }
    return first + _take_turns(of_clients, lambda client: running.by_client.get((lane, client), 0))


def _grouped(found: Iterable[WaitingJob], name: Callable[[WaitingJob], str]) -> dict[str, list[WaitingJob]]:
    groups: defaultdict[str, list[WaitingJob]] = defaultdict(list)
    for job in found:
        groups[name(job)].append(job)
    return groups


def _take_turns(
    queues: Mapping[str, Sequence[WaitingJob]], running: Callable[[str], int]
) -> list[WaitingJob]:
    """Merges queues: the next job is of the one with the fewest that run or come before, then the oldest."""
    order: list[WaitingJob] = []
    heap = [(running(name), queue[0].turn, name, 0) for name, queue in queues.items()]
    heapq.heapify(heap)
    while heap:
        count, _turn, name, index = heapq.heappop(heap)
        queue = queues[name]
        order.append(queue[index])
        if index + 1 < len(queue):
            heapq.heappush(heap, (count + 1, queue[index + 1].turn, name, index + 1))
    return order
