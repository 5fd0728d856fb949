"""Samples of resource usage: the last minutes, and the mean of each minute of a day.

A sample costs a few milliseconds, so samples are frequent only while an admin has the overview open.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from statistics import fmean

import psutil

from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.core.timed_probe import TimedProbe
from whisper_appliance.host.gpus import GpuUse, measure_gpus
from whisper_appliance.host.stats import CpuMeter
from whisper_appliance.monitoring.status_types import EngineState, Status

FAST_SECONDS = 2.0
SLOW_SECONDS = 10.0
RECENT_SECONDS = 600.0
MINUTES = 24 * 60
GPU_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample, or the mean of a minute. None means not measured, or (`speed`) no work.

    `time` is Unix time; `cpu`, `gpu`, `engine` (of the time of its workers) are percent; memory and disk are
    bytes; `requests` are per second; `speed` is seconds of audio decoded in a second of work.
    """

    time: float
    cpu: float | None = None
    memory: float | None = None
    own_memory: float | None = None
    disk_free: float | None = None
    gpu: float | None = None
    gpu_memory: float | None = None
    engine: float | None = None
    windows_waiting: float | None = None
    jobs_waiting: float | None = None
    jobs_running: float | None = None
    live: float | None = None
    live_lag_ms: float | None = None
    requests: float | None = None
    speed: float | None = None


MEASURES = tuple(field.name for field in fields(Sample) if field.name != "time")
OnSample = Callable[[Sample, Sample | None], None]
"""Called with each sample, and with the mean of a minute when one has passed; must return soon."""


class ResourceSampler:
    """Samples the resource usage every few seconds, in a thread of its own."""

    def __init__(
        self,
        get_status: Callable[[], Status],
        *,
        find_gpus: Callable[[], tuple[GpuUse, ...]] = measure_gpus,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        fast_seconds: float = FAST_SECONDS,
        slow_seconds: float = SLOW_SECONDS,
    ) -> None:
        """`get_status` must not block."""
        self._get_status = get_status
        self._clock = clock
        self._monotonic = monotonic
        self._every = {True: fast_seconds, False: slow_seconds}
        self._processors = CpuMeter()
        self._gpus: TimedProbe[tuple[GpuUse, ...]] = TimedProbe(find_gpus)
        self._gpus_measured = -GPU_SECONDS
        self._last_gpus: tuple[GpuUse, ...] = ()
        self._requests = 0
        self._before = _Counters(monotonic(), 0, {})
        self._lock = threading.Lock()
        self._recent: deque[Sample] = deque()
        self._minutes: deque[Sample] = deque(maxlen=MINUTES)
        self._this_minute: list[Sample] = []
        self._fast = False
        self._subscriber: OnSample = lambda sample, minute: None
        self._wake = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="resource sampler", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stops the thread."""
        self._ended = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def count_request(self) -> None:
        """Counts a request."""
        with self._lock:
            self._requests += 1

    def sample_fast(self, fast: bool) -> None:
        """Switches between frequent and rare samples; the first frequent one is taken at once."""
        if fast and not self._fast:
            self._wake.set()
        self._fast = fast

    def subscribe(self, subscriber: OnSample) -> None:
        """Calls `subscriber` with each sample; there is one."""
        self._subscriber = subscriber

    def recent(self) -> tuple[Sample, ...]:
        """The samples of the last ten minutes."""
        with self._lock:
            return tuple(self._recent)

    def minutes(self) -> tuple[Sample, ...]:
        """The means of the minutes of the last day."""
        with self._lock:
            return tuple(self._minutes)

    def gpus(self) -> tuple[GpuUse, ...]:
        """The last measurement of the graphics cards."""
        return self._last_gpus

    def sample_once(self) -> tuple[Sample, Sample | None]:
        """One sample now, and the mean of the minute that has just passed, if one has."""
        sample = self._sample(self._get_status())
        with self._lock:
            if self._recent and sample.time <= self._recent[-1].time:  # the clock was set back
                self._recent.clear()
                self._minutes.clear()
                self._this_minute.clear()
            minute = self._close_minute(sample)
            self._this_minute.append(sample)
            self._recent.append(sample)
            while self._recent[0].time < sample.time - RECENT_SECONDS:
                self._recent.popleft()
        return sample, minute

    def _run(self) -> None:
        while not self._ended:
            log_errors(lambda: self._subscriber(*self.sample_once()), "a sample failed")
            self._wake.wait(self._every[self._fast])
            self._wake.clear()

    def _close_minute(self, sample: Sample) -> Sample | None:
        if not self._this_minute or self._this_minute[0].time // 60 == sample.time // 60:
            return None
        minute = mean(self._this_minute)
        self._minutes.append(minute)
        self._this_minute.clear()
        return minute

    def _sample(self, status: Status) -> Sample:
        now = _Counters(
            self._monotonic(), self._requests, {engine.model: engine for engine in status.engines}
        )
        before, self._before = self._before, now
        host, queue, live = status.host, status.queue, status.live
        cards = self._cards()
        return Sample(
            time=round(self._clock(), 1),
            cpu=self._processors.percent(),
            memory=host.memory_bytes - host.memory_available_bytes if host else None,
            own_memory=_own_memory() + sum(engine.memory_bytes for engine in status.engines),
            disk_free=host.disk_free_bytes if host else None,
            gpu=max((card.percent for card in cards if card.percent is not None), default=None),
            gpu_memory=sum(card.memory_used_bytes for card in cards) if cards else None,
            engine=now.load(before),
            windows_waiting=sum(engine.waiting for engine in status.engines),
            jobs_waiting=queue.waiting if queue else None,
            jobs_running=queue.running if queue else None,
            live=live.sessions,
            live_lag_ms=live.lag_ms,
            requests=now.requests_per_second(before),
            speed=now.speed(before),
        )

    def _cards(self) -> tuple[GpuUse, ...]:
        """The graphics cards; measured rarely, because each measurement starts a program."""
        if self._monotonic() - self._gpus_measured >= GPU_SECONDS:
            self._gpus_measured = self._monotonic()
            self._last_gpus = self._gpus.result().value or ()
        return self._last_gpus


@dataclass(frozen=True, slots=True)
class _Counters:
    """Counters that only grow; the difference of two gives rates."""

    time: float
    requests: int
    engines: dict[str, EngineState]

    def requests_per_second(self, before: "_Counters") -> float:
        passed = self.time - before.time
        return round((self.requests - before.requests) / passed, 2) if passed > 0 else 0.0

    def load(self, before: "_Counters") -> float:
        """The load of the busiest engine, in percent."""
        passed = self.time - before.time
        loads = [
            _grown(engine.worker_seconds, before.engines.get(name), "worker_seconds") / engine.workers
            for name, engine in self.engines.items()
        ]
        return round(100 * min(1.0, max(loads, default=0.0) / passed), 1) if passed > 0 else 0.0

    def speed(self, before: "_Counters") -> float | None:
        audio, busy = (
            sum(
                _grown(getattr(engine, name), before.engines.get(model), name)
                for model, engine in self.engines.items()
            )
            for name in ("heard_seconds", "busy_seconds")
        )
        return round(audio / busy, 2) if audio > 0 and busy > 0 else None


def _grown(now: float, before: EngineState | None, name: str) -> float:
    """The growth of a counter; a smaller value belongs to an engine that was restarted."""
    earlier = float(getattr(before, name)) if before else 0.0
    return now - earlier if now >= earlier else now


def _own_memory() -> int:
    return int(psutil.Process(os.getpid()).memory_info().rss)


def mean(samples: Iterable[Sample]) -> Sample:
    """The mean of the samples of one minute, with the time at which the minute starts."""
    given = tuple(samples)
    return Sample(
        given[0].time // 60 * 60, **{name: _mean(getattr(each, name) for each in given) for name in MEASURES}
    )


def _mean(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return round(fmean(present), 2) if present else None
