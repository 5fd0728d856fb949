"""How fast jobs are transcribed here: measured over the last results, and remembered from earlier runs."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from whisper_appliance.core.atomic_files import write_json
from whisper_appliance.engines.contract import Quality

PACE_SECONDS = 20.0
"""The pace is that of so much time at work: little, because a machine may become slower at once."""
REMEMBERED_SECONDS = 300.0
"""What is remembered of a kind is an average over so much time at work."""
LEAST_GAINS = 5
"""Or of so many results, where they take long: two of each of two workers after the first."""
PRIOR_SECONDS = 15.0
"""What is remembered counts as much as a measurement of so many seconds, unless that is far from it."""
FAR = 1.5
SAME_BATCH_SECONDS = 0.5
LEAST_SECONDS = 1.0
LEAST_RESULTS = 4
LEAST_AUDIO_SECONDS = 30.0
"""A pace measured over less is worth nothing: the first window alone occupies one worker of several.

Fewer results are enough from the beginning of decoding on.
"""
FIRST_RESULTS_SECONDS = 160.0
"""Of audio, which is decoded before the first result of a file comes: two batches of four windows."""
BATCHES_AT_WORK = 2
"""So many times the last results are on their way, because several workers decode at once."""
LEAST_SHARE = 0.2
"""Of the time for all that is left: it is never less, because what is on its way may be late."""
TAIL_SHARE = 0.25
"""At the end of a job a worker waits for the other: for this share of the last results, on a first run."""
QUALITY_COSTS: dict[Quality, float] = {"fast": 0.7, "balanced": 1.0, "accurate": 1.4}
"""What a quality costs beside "balanced", until it was measured."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Work that costs the same for each second of audio: of one model at one quality."""

    model: str
    quality: Quality


class PaceMemory:
    """What a second of audio costs by kind, in seconds of this machine; kept in a file over restarts.

    The file is no part of a backup, because it is true of one machine only.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Without a path nothing is kept. A file that cannot be read counts as none."""
        self._path = path
        self._measured: dict[Kind, tuple[float, float]] = {}
        self._is_changed = False
        if path:
            with suppress(OSError, ValueError, TypeError, KeyError):
                rows = json.loads(path.read_text(encoding="utf-8"))
                self._measured = {
                    Kind(row["model"], row["quality"]): (float(row["audio_seconds"]), float(row["seconds"]))
                    for row in rows
                }

    def has(self, kind: Kind) -> bool:
        """Whether this kind, or another quality of its model, was measured."""
        return any(known.model == kind.model for known in self._costs())

    def cost(self, kind: Kind) -> float:
        """Seconds for a second of audio; of an unknown kind, judged by the known ones."""
        known = self._costs()
        if kind in known:
            return known[kind]
        near = {one: cost for one, cost in known.items() if one.model == kind.model} or known
        plain = [cost / QUALITY_COSTS[one.quality] for one, cost in near.items()] or [1.0]
        return QUALITY_COSTS[kind.quality] * sum(plain) / len(plain)

    def add(self, kind: Kind, audio_seconds: float, seconds: float) -> None:
        """So much audio took so long."""
        audio, took = self._measured.get(kind, (0.0, 0.0))
        audio, took = audio + audio_seconds, took + seconds
        share = min(1.0, REMEMBERED_SECONDS / took) if took else 1.0
        self._measured[kind] = audio * share, took * share
        self._is_changed = True

    def save(self) -> None:
        """Writes the file if anything has changed."""
        if not self._path or not self._is_changed:
            return
        rows = [
            {"model": kind.model, "quality": kind.quality, "audio_seconds": audio, "seconds": took}
            for kind, (audio, took) in self._measured.items()
        ]
        with suppress(OSError):  # the disk is full, say: the next job tries again
            write_json(self._path, rows)
            self._is_changed = False

    def _costs(self) -> dict[Kind, float]:
        return {
            kind: took / audio
            for kind, (audio, took) in self._measured.items()
            if took >= LEAST_SECONDS and audio > 0
        }


@dataclass
class _RunningJob:
    """Seconds of audio of a job: finished in order, decoded, and those of finished windows.

    Windows are decoded out of order, a dozen ahead of the first that is not finished.
    """

    kind: Kind
    in_order: float
    decoded: float = 0.0
    finished: float = 0.0

    @property
    def done(self) -> float:
        return self.in_order + max(0.0, self.decoded - self.finished)


@dataclass
class _Gain:
    """Results that came at once: when, in time at work, and seconds of audio by kind.

    Without audio it is when decoding began. `only`: the kind of all jobs that ran then; None if there were
    several.
    """

    at: float
    only: Kind | None
    audio: dict[Kind, float] = field(default_factory=dict)
    is_learned: bool = False


class Pace:
    """The pace of this machine: measured at work, and before that is known, remembered. Thread-safe.

    Amounts of work are in seconds of this machine, by `cost`; a pace of 1 is as fast as remembered.
    """

    def __init__(self, monotonic: Callable[[], float], memory: PaceMemory | None = None) -> None:
        self._monotonic = monotonic
        self._memory = memory or PaceMemory()
        self._lock = threading.Lock()
        self._jobs: dict[str, _RunningJob] = {}
        self._busy_seconds = 0.0
        self._counted_at = monotonic()
        self._gains: deque[_Gain] = deque()
        self._began_at = 0.0
        """When the machine began to work after a pause, in time at work."""

    def job_started(self, job_id: str, kind: Kind, done_seconds: float) -> None:
        """A job runs from now on; so much of it was done in an earlier attempt."""
        with self._lock:
            self._count_time()
            if not self._jobs:
                self._began_at = self._busy_seconds
            self._jobs[job_id] = _RunningJob(kind, done_seconds)

    def window_decoded(self, job_id: str, seconds: float) -> None:
        """A window of a running job, or a part of it, was decoded; others come before it.

        0 seconds: decoding begins. A first run is measured from then on, without the load of the model.
        """
        with self._changed_job(job_id) as job:
            job.decoded += seconds
            if not seconds and not self._gains and not self._memory.has(job.kind):
                self._gains.append(_Gain(self._busy_seconds, job.kind))

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
            if not self._jobs:
                self._learn_last()
            self._memory.save()

    def done_seconds(self, job_id: str) -> float | None:
        """How much of a job that runs here is done; None for others."""
        with self._lock:
            job = self._jobs.get(job_id)
            return job.done if job else None

    def cost(self, kind: Kind) -> float:
        """The work of a second of audio, in seconds of this machine."""
        with self._lock:
            return self._memory.cost(kind)

    def work_seconds(self, work: float) -> float | None:
        """The time that so much work takes; None until the pace is known.

        Results come in batches, so the pace is measured from batch to batch, and the time since the last one
        counts as time at work on the next ones. If they are late, the machine has become slower.
        """
        with self._lock:
            self._count_time()
            pace = self._pace()
            if pace is None:
                return None
            last_at = max(self._gains[-1].at if self._gains else 0.0, self._began_at)
            since_last = self._busy_seconds - last_at
            on_its_way = BATCHES_AT_WORK * self._next_work() if self._jobs else 0.0
            if since_last * pace > on_its_way > 0:
                pace = on_its_way / since_last
            next_seconds = on_its_way / BATCHES_AT_WORK / pace
            tail = min(TAIL_SHARE * next_seconds, work / pace) if self._is_first_run else 0.0
            since_last = min(since_last, on_its_way / pace)
            return max(LEAST_SHARE * work / pace, work / pace - since_last + tail)

    def _pace(self) -> float | None:
        """Work done in a second."""
        amount = sum(map(self._work, self._gains)) - (self._work(self._gains[0]) if self._gains else 0.0)
        seconds = self._gains[-1].at - self._gains[0].at if self._gains else 0.0
        is_far = seconds >= PRIOR_SECONDS / 2 and not 1 / FAR < amount / seconds < FAR
        prior = PRIOR_SECONDS if self._is_remembered and not is_far else 0.0
        if not prior and not self._is_measured(seconds):
            return None
        return (amount + prior) / (seconds + prior)

    @property
    def _is_first_run(self) -> bool:
        """Whether the pace is measured from the beginning of decoding on, because nothing is remembered."""
        return bool(self._gains) and not self._gains[0].audio

    @property
    def _is_remembered(self) -> bool:
        """Whether the cost of all that runs is known from earlier runs."""
        return bool(self._jobs) and all(self._memory.has(job.kind) for job in self._jobs.values())

    def _is_measured(self, seconds: float) -> bool:
        """Whether the results of so many seconds are enough to know the pace."""
        audio = sum(sum(gain.audio.values()) for gain in islice(self._gains, 1, None))
        is_enough = self._is_first_run and audio >= LEAST_AUDIO_SECONDS
        return seconds >= LEAST_SECONDS and (is_enough or len(self._gains) >= LEAST_RESULTS)

    def _work(self, gain: _Gain) -> float:
        return sum(seconds * self._memory.cost(kind) for kind, seconds in gain.audio.items())

    def _next_work(self) -> float:
        """The work on the results that come next."""
        if self._gains and self._gains[-1].at >= self._began_at and self._gains[-1].audio:
            return self._work(self._gains[-1])
        return FIRST_RESULTS_SECONDS * max(self._memory.cost(job.kind) for job in self._jobs.values())

    @contextmanager
    def _changed_job(self, job_id: str) -> Iterator[_RunningJob]:
        with self._lock:
            self._count_time()
            job = self._jobs.get(job_id) or _RunningJob(Kind("", "balanced"), 0.0)
            before = job.done
            yield job
            if job_id in self._jobs and job.done > before:
                self._add_gain(job.kind, job.done - before)

    def _add_gain(self, kind: Kind, seconds: float) -> None:
        last = self._gains[-1] if self._gains else None
        is_new = last is None or last.at < self._began_at or not last.audio
        if last is None or is_new or self._busy_seconds - last.at >= SAME_BATCH_SECONDS:
            self._learn_last()
            kinds = {job.kind for job in self._jobs.values()}
            last = _Gain(self._busy_seconds, kind if len(kinds) == 1 else None)
            self._gains.append(last)
        last.audio[kind] = last.audio.get(kind, 0.0) + seconds
        while len(self._gains) > LEAST_GAINS and self._gains[0].at < self._busy_seconds - PACE_SECONDS:
            self._gains.popleft()

    def _learn_last(self) -> None:
        """Remembers what the last results took; not the first ones after a pause, and not of mixed work."""
        if len(self._gains) < 2 or self._gains[-2].at < self._began_at:
            return
        before, last = self._gains[-2], self._gains[-1]
        if before.audio and last.only and before.only == last.only and not last.is_learned:
            self._memory.add(last.only, last.audio[last.only], last.at - before.at)
        last.is_learned = True

    def _count_time(self) -> None:
        now = self._monotonic()
        if self._jobs:
            self._busy_seconds += now - self._counted_at
        self._counted_at = now
