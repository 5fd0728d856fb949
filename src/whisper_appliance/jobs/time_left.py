"""How long jobs still take: a simulation of the queue, at the pace of this machine.

The simulation follows the queue's own rules: so many jobs of a lane run at once, and the next window is that
of the job with the highest priority, then of the one with the fewest finished windows.
"""

import heapq
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from whisper_appliance.engines.contract import TARGET_SECONDS, Priority
from whisper_appliance.jobs.lanes import CONCURRENCY, Lane
from whisper_appliance.jobs.pace import Kind, Pace, PaceMemory

ESTIMATED_BYTES_PER_SECOND = 16_000
"""Of a recording whose length is not known yet: 128 kbit/s, between compressed speech and PCM."""
MAX_JOBS = 500
"""The end of jobs behind so many others is not estimated."""
CACHE_SECONDS = 1.0
TOLERANCE = 1.2
LATE_SECONDS = 5.0
"""An estimate that is wrong by less falls gently, and does not grow unless work was added before it."""
WRONG_SECONDS = 2.0
GENTLE_SECONDS = 10.0
LEAST_SECONDS = 1.0
"""Until the end of a job it is never less, so that nobody reads 0 while there is work left."""
HELD_SHARE = 2 / 3
"""An estimate stands still once it is below this share of a new one."""
SAME_WORK = 1.05
"""Less than this is no work that was added: what a second of audio costs is measured again and again."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is left of a job, in seconds of audio; `done_seconds` were transcribed already.

    `cost` is the work of a second of audio.
    """

    job_id: str
    priority: Priority
    lane: Lane
    kind: Kind
    done_seconds: float
    left_seconds: float
    cost: float = 1.0

    @property
    def length(self) -> float:
        """Of the recording, in seconds."""
        return self.done_seconds + self.left_seconds


@dataclass(frozen=True, slots=True)
class _Estimate:
    """When it was made, how long the job takes from then on, and the work until its end.

    `length` is that of the recording, which may have been estimated from its size.
    `wrong_since`: from when on it was known to be far from true.
    """

    at: float
    seconds: float
    work: float
    length: float
    wrong_since: float | None = None

    def seconds_at(self, now: float) -> float:
        return max(LEAST_SECONDS, self.seconds - (now - self.at))


def work_until_end(jobs: Sequence[Work], concurrency: Mapping[Lane, int] = CONCURRENCY) -> dict[str, float]:
    """By the id of each job: the work until it ends, that on others included.

    `jobs` are in the order in which they start; `concurrency` is how many of a lane run at once.
    """
    numbers = itertools.count()
    waiting = {lane: deque(job for job in jobs if job.lane == lane) for lane in concurrency}
    running: list[tuple[Priority, float, int, float, Work]] = []
    ends: dict[str, float] = {}
    total = 0.0

    def start_next(lane: Lane) -> None:
        if waiting[lane]:
            job = waiting[lane].popleft()
            done = job.done_seconds
            heapq.heappush(running, (job.priority, done, next(numbers), done + job.left_seconds, job))

    for lane, count in concurrency.items():
        for _ in range(count):
            start_next(lane)
    while running:
        priority, done, number, length, job = heapq.heappop(running)
        step = min(TARGET_SECONDS, length - done)
        total += step * job.cost
        if done + step >= length:
            ends[job.job_id] = total
            start_next(job.lane)
        else:
            heapq.heappush(running, (priority, done + step, number, length, job))
    return ends


class TimeLeft:
    """Estimates of the time until jobs end, which grow only for a reason. Thread-safe."""

    def __init__(
        self,
        unfinished: Callable[[], Iterable[Work]],
        monotonic: Callable[[], float] = time.monotonic,
        memory: PaceMemory | None = None,
    ) -> None:
        """`unfinished` returns what is left of all jobs, in the order in which they start."""
        self.pace = Pace(monotonic, memory)
        self._unfinished = unfinished
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._estimated_at = -CACHE_SECONDS
        self._shown: dict[str, _Estimate] = {}

    def seconds(self) -> dict[str, float]:
        """The seconds until each job ends, by its id; empty until the pace is known."""
        with self._lock:
            now = self._monotonic()
            if now - self._estimated_at >= CACHE_SECONDS:
                self._estimate(now)
            return {job_id: estimate.seconds_at(now) for job_id, estimate in self._shown.items()}

    def _estimate(self, now: float) -> None:
        if self.pace.work_seconds(0.0) is None:
            return
        jobs = list(itertools.islice(self._unfinished(), MAX_JOBS))
        ends = work_until_end(list(map(self._as_it_is_now, jobs)))
        self._shown = {
            job.job_id: self._next(self._shown.get(job.job_id), now, ends[job.job_id], job.length)
            for job in jobs
        }
        self._estimated_at = now

    def _as_it_is_now(self, work: Work) -> Work:
        """The work with its cost, and with what was decoded already and is not finished yet."""
        work = replace(work, cost=self.pace.cost(work.kind))
        done = self.pace.done_seconds(work.job_id)
        if done is None or done <= work.done_seconds:
            return work
        left = max(0.0, work.left_seconds - (done - work.done_seconds))
        return replace(work, done_seconds=done, left_seconds=left)

    def _next(self, shown: _Estimate | None, now: float, work: float, length: float) -> _Estimate:
        """The estimate after the one that is shown: it falls gently, and grows once there is a reason."""
        seconds = self.pace.work_seconds(work) or 0.0
        if shown is None or work > shown.work * SAME_WORK or length * SAME_WORK < shown.length:
            return _Estimate(now, seconds, work, length)
        expected = max(shown.seconds_at(now), min(shown.seconds, HELD_SHARE * seconds))
        far = max(LATE_SECONDS, (TOLERANCE - 1.0) * max(expected, seconds))
        if abs(seconds - expected) > far:
            since = now if shown.wrong_since is None else shown.wrong_since
            return _Estimate(now, seconds if now - since >= WRONG_SECONDS else expected, work, length, since)
        share = 1.0 - math.exp((shown.at - now) / GENTLE_SECONDS)
        return _Estimate(now, expected + share * min(0.0, seconds - expected), work, length)
