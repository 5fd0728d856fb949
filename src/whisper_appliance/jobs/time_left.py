"""How long jobs still take: a simulation of the queue, at the pace of the last minute.

The simulation follows the queue's own rules: two batch jobs and eight interactive ones run at once, and the
next window is that of the job with the highest priority, then of the one with the fewest finished windows.
"""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from whisper_appliance.engines.contract import TARGET_SECONDS, Priority

ESTIMATED_BYTES_PER_SECOND = 16_000
"""Of a recording whose length is not known yet: 128 kbit/s, between compressed speech and PCM."""
PACE_SECONDS = 60.0
"""The pace is that of so much time at work."""
SAME_BATCH_SECONDS = 0.5
LEAST_SECONDS = 2.0
"""A pace measured over less is worth nothing."""
MAX_JOBS = 500
"""The end of jobs behind so many others is not estimated."""
CACHE_SECONDS = 1.0
TOLERANCE = 4 / 3
"""An estimate grows only if it is wrong by more than this, or if work was added before it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is left of a job, in seconds of audio; `done_seconds` were transcribed already."""

    job_id: str
    priority: Priority
    done_seconds: float
    left_seconds: float


def work_until_end(jobs: Sequence[Work], concurrency: Mapping[Priority, int]) -> dict[str, float]:
    """By the id of each job: seconds of audio that are transcribed until it ends, others' included.

    `jobs` are in the order in which they start; `concurrency` is how many of a priority run at once.
    """
    numbers = itertools.count()
    waiting = {priority: deque(job for job in jobs if job.priority is priority) for priority in concurrency}
    running: list[tuple[Priority, float, int, float, str]] = []
    ends: dict[str, float] = {}
    total = 0.0

    def start_next(priority: Priority) -> None:
        if waiting[priority]:
            job = waiting[priority].popleft()
            done = job.done_seconds
            heapq.heappush(running, (priority, done, next(numbers), done + job.left_seconds, job.job_id))

    for priority, count in concurrency.items():
        for _ in range(count):
            start_next(priority)
    while running:
        priority, done, number, length, job_id = heapq.heappop(running)
        step = min(TARGET_SECONDS, length - done)
        total += step
        if done + step >= length:
            ends[job_id] = total
            start_next(priority)
        else:
            heapq.heappush(running, (priority, done + step, number, length, job_id))
    return ends


@dataclass
class _RunningJob:
    """Seconds of audio of a job: finished in order, decoded, and those of finished windows.

    Windows are decoded out of order, a dozen ahead of the first that is not finished.
    """

    in_order: float
    decoded: float = 0.0
    finished: float = 0.0

    @property
    def done(self) -> float:
        return self.in_order + max(0.0, self.decoded - self.finished)


class Pace:
    """Seconds of audio transcribed in a second, over the last `PACE_SECONDS` at work. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._jobs: dict[str, _RunningJob] = {}
        self._busy_seconds = 0.0
        self._counted_at = monotonic()
        self._gains: deque[tuple[float, float]] = deque()

    def job_started(self, job_id: str, done_seconds: float) -> None:
        """A job runs from now on; so much of it was done in an earlier attempt."""
        with self._lock:
            self._count_time()
            self._jobs[job_id] = _RunningJob(done_seconds)

    def window_decoded(self, job_id: str, seconds: float) -> None:
        """A window of a running job was decoded; it may be decoded again, and others come before it."""
        with self._changed_job(job_id) as job:
            job.decoded += seconds

    def window_finished(self, job_id: str, seconds: float, done_seconds: float) -> None:
        """A window that was decoded is finished; `done_seconds` is its end in the recording."""
        with self._changed_job(job_id) as job:
            job.finished += seconds
            job.in_order = done_seconds

    def job_stopped(self, job_id: str) -> None:
        """A job runs no more."""
        with self._lock:
            self._count_time()
            self._jobs.pop(job_id, None)

    def done_seconds(self, job_id: str) -> float | None:
        """How much of a job that runs here is done; None for others."""
        with self._lock:
            job = self._jobs.get(job_id)
            return job.done if job else None

    def work_seconds(self, audio_seconds: float) -> float | None:
        """The time that so much audio takes; None until the pace is known.

        Results come in batches, so the pace is measured from batch to batch, and the time since the last one
        counts as time at work on the next.
        """
        with self._lock:
            self._count_time()
            if len(self._gains) < 2:
                return None
            (first_at, first), (last_at, last) = self._gains[0], self._gains[-1]
            if last_at - first_at < LEAST_SECONDS:
                return None
            pace = (sum(gain for _, gain in self._gains) - first) / (last_at - first_at)
            since_last = min(self._busy_seconds - last_at, last / pace) if self._jobs else 0.0
            return max(0.0, audio_seconds / pace - since_last)

    @contextmanager
    def _changed_job(self, job_id: str) -> Iterator[_RunningJob]:
        with self._lock:
            self._count_time()
            job = self._jobs.get(job_id) or _RunningJob(0.0)
            before = job.done
            yield job
            if job_id in self._jobs and job.done > before:
                self._add_gain(job.done - before)

    def _add_gain(self, seconds: float) -> None:
        if self._gains and self._busy_seconds - self._gains[-1][0] < SAME_BATCH_SECONDS:
            seconds += self._gains.pop()[1]
        self._gains.append((self._busy_seconds, seconds))
        while len(self._gains) > 2 and self._gains[0][0] < self._busy_seconds - PACE_SECONDS:
            self._gains.popleft()

    def _count_time(self) -> None:
        now = self._monotonic()
        if self._jobs:
            self._busy_seconds += now - self._counted_at
        self._counted_at = now


class TimeLeft:
    """Estimates of the time until jobs end, which grow only for a reason. Thread-safe."""

    def __init__(
        self,
        unfinished: Callable[[], Iterable[Work]],
        concurrency: Mapping[Priority, int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`unfinished` returns what is left of all jobs, in the order in which they start."""
        self.pace = Pace(monotonic)
        self._unfinished = unfinished
        self._concurrency = concurrency
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._estimated_at = -CACHE_SECONDS
        self._shown: dict[str, tuple[float, float, float]] = {}
        """By job: when an estimate was made, the seconds that were left, and the work until its end."""

    def seconds(self) -> dict[str, float]:
        """The seconds until each job ends, by its id; empty until the pace is known."""
        with self._lock:
            now = self._monotonic()
            if now - self._estimated_at >= CACHE_SECONDS:
                self._estimate(now)
            return {job_id: max(0.0, left - (now - at)) for job_id, (at, left, _) in self._shown.items()}

    def _estimate(self, now: float) -> None:
        if self.pace.work_seconds(0.0) is None:
            return
        jobs = [self._as_it_is_now(work) for work in itertools.islice(self._unfinished(), MAX_JOBS)]
        ends = work_until_end(jobs, self._concurrency)
        self._shown = {
            job_id: (now, self._steady(job_id, now, self.pace.work_seconds(work) or 0.0, work), work)
            for job_id, work in ends.items()
        }
        self._estimated_at = now

    def _as_it_is_now(self, work: Work) -> Work:
        """The work with what was decoded already and is not finished yet."""
        done = self.pace.done_seconds(work.job_id)
        if done is None or done <= work.done_seconds:
            return work
        left = max(0.0, work.left_seconds - (done - work.done_seconds))
        return replace(work, done_seconds=done, left_seconds=left)

    def _steady(self, job_id: str, now: float, seconds: float, work: float) -> float:
        if job_id not in self._shown:
            return seconds
        at, earlier, earlier_work = self._shown[job_id]
        expected = max(0.0, earlier - (now - at))
        grows_by_little = expected < seconds <= expected * TOLERANCE
        return expected if grows_by_little and work <= earlier_work else seconds
