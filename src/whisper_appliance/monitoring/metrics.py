"""Prometheus metrics: counters and histograms, fed by the events of jobs, live sessions and models."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.events import JobDone, JobEvent, JobFailed, JobStarted
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.models.events import ModelEvent
from whisper_appliance.monitoring.status_types import EngineState, Status

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
WAITS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
CAPTIONS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 15, 30)
SPEEDS = (0.25, 0.5, 1, 2, 4, 6, 8, 12, 16, 24, 32, 64, 128)


class Metrics:
    """The metrics of one appliance, in a registry of its own."""

    def __init__(
        self, get_status: Callable[[], Status], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`get_status` is called at each scrape and must not block."""
        self.registry = registry = CollectorRegistry()
        self._monotonic = monotonic
        self._loading: dict[str, float] = {}
        self._speaking: dict[str, float] = {}
        self._open: dict[str, Callable[[], int]] = {}

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"whisper_{name}", text, labels, buckets=buckets, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"whisper_{name}", text, labels, registry=registry)

        self._requests = histogram(
            "http_request_seconds", "Time until an answer began, by route (its pattern, never its path).",
            QUICK, "method", "route", "status",
        )  # fmt: skip
        self._uploads = counter("uploads", "Files received whole.")
        self._upload_bytes = counter("upload_bytes", "Their bytes.")
        self._errors = counter("errors", "Answers and jobs that failed, by error code.", "where", "code")
        self._refused = counter("limit_refusals", "Requests that a limit refused.", "limit")
        self._waits = histogram("job_wait_seconds", "From acceptance to start of jobs.", WAITS, "priority")
        self._jobs = counter("jobs", "Jobs that ended.", "status")
        self._audio = counter("audio_seconds", "Audio transcribed by jobs.", "model")
        self._speed = histogram(
            "real_time_factor", "Seconds of audio that a job transcribed in a second.", SPEEDS, "model"
        )
        self._dropped = counter("dropped_words", "Words that the guard left out as invented.", "model")
        self._first = histogram(
            "live_first_caption_seconds", "From the first speech of a live session to its first words.",
            CAPTIONS,
        )  # fmt: skip
        self._lag = histogram(
            "live_commit_lag_seconds", "From the end of a spoken word until it was settled.", CAPTIONS
        )
        self._loads = histogram("model_load_seconds", "Time to load a model.", WAITS, "model")
        ProcessCollector(registry=registry)
        registry.register(_StatusMetrics(get_status, self._open))

    def count_open(self, kind: str, count: Callable[[], int]) -> None:
        """Sets the function that counts what is open of a kind, such as sockets."""
        self._open[kind] = count

    def count_refused(self, limit: str) -> None:
        """Counts a request that a limit refused, by the name of the limit."""
        self._refused.labels(limit).inc()

    def count_limit(self, error: ApplianceError) -> None:
        """Counts an error that is answered, if a limit raised it."""
        if error.limit_name:
            self.count_refused(error.limit_name)

    @property
    def refusals(self) -> dict[str, int]:
        """How often each limit refused a request since the start."""
        found = (sample for metric in self._refused.collect() for sample in metric.samples)
        return {each.labels["limit"]: int(each.value) for each in found if each.name.endswith("_total")}

    def count_request(self, method: str, route: str, status: int, seconds: float, error: str = "") -> None:
        """Counts a request. `route` is the URL rule, never the raw path; `error` is the error code."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).observe(seconds)
        if error:
            self._errors.labels("http", error).inc()

    def count_upload(self, size_bytes: int) -> None:
        """Counts an upload that arrived completely."""
        self._uploads.inc()
        self._upload_bytes.inc(size_bytes)

    def on_job_event(self, event: JobEvent) -> None:
        """Counts an event of the job queue."""
        match event:
            case JobStarted():
                self._waits.labels(_name(event.priority)).observe(event.waited_seconds)
            case JobDone():
                self._jobs.labels("done").inc()
                self._audio.labels(event.model).inc(event.audio_seconds)
                self._dropped.labels(event.model).inc(event.dropped_words)
                if event.audio_seconds and event.processing_seconds:
                    speed = event.audio_seconds / event.processing_seconds
                    self._speed.labels(event.model).observe(speed)
            case JobFailed(code="cancelled"):
                self._jobs.labels("cancelled").inc()
            case JobFailed():
                self._jobs.labels("failed").inc()
                self._errors.labels("job", event.code).inc()

    def on_live_event(self, event: LiveAnnouncement) -> None:
        """Counts an event of a live session."""
        match event.kind:
            case "vad" if event.payload.get("speech"):
                self._speaking.setdefault(event.session, cast(float, event.payload["t"]))
            case "partial" if event.payload.get("text"):
                self._captioned(event)
            case "commit":
                self._captioned(event)
                if words := cast(list[dict[str, float]], event.payload.get("words")):
                    self._lag.observe(max(0.0, event.recorded_seconds - words[-1]["t1"]))
            case "end":
                self._speaking.pop(event.session, None)

    def on_model_event(self, event: ModelEvent) -> None:
        """Counts an event of the model manager."""
        if event.kind == "loading":
            self._loading[event.model] = self._monotonic()
        elif event.kind in ("loaded", "failed"):
            began = self._loading.pop(event.model, None)
            if event.kind == "loaded" and began is not None:
                self._loads.labels(event.model).observe(self._monotonic() - began)

    def _captioned(self, event: LiveAnnouncement) -> None:
        """Observes the delay of the first caption of a session; `_DONE` marks it as observed."""
        began = self._speaking.get(event.session)
        if began is not None and began != _DONE:
            self._speaking[event.session] = _DONE
            self._first.observe(max(0.0, event.recorded_seconds - began))


_DONE = float("inf")


class _StatusMetrics(Collector):
    """Metrics that are read from the status at each scrape."""

    def __init__(self, get_status: Callable[[], Status], open_now: Mapping[str, Callable[[], int]]) -> None:
        self._get_status = get_status
        self._open = open_now

    def describe(self) -> list[Metric]:
        """Empty, so that the registration reads no status; the tests check the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The status as metrics."""
        status = self._get_status()
        yield _gauge("build_info", "The version that runs.", 1, version=status.version)
        yield _gauge("healthy", "1 when all works.", float(status.health.status == "ok"))
        yield _gauge("live_sessions", "Microphones that are on.", status.live.sessions)
        yield _gauge("live_lag_seconds", "How far the slowest session is behind.", status.live.lag_ms / 1000)
        streams = GaugeMetricFamily(
            "whisper_streams", "Open sockets, event streams and waiting requests.", labels=["kind"]
        )
        for kind, count in self._open.items():
            streams.add_metric([kind], count())
        yield streams
        if status.queue:
            yield _gauge("jobs_waiting", "Jobs that wait.", status.queue.waiting)
            yield _gauge("jobs_running", "Jobs at work.", status.queue.running)
        if status.host:
            yield _gauge("disk_free_bytes", "Free space where the data is.", status.host.disk_free_bytes)
        if status.certificate:
            ends = datetime.fromisoformat(status.certificate.not_after).timestamp()
            yield _gauge("certificate_end_timestamp_seconds", "When the certificate ends (Unix time).", ends)
        yield from _of_engines(status.engines)


def _of_engines(engines: tuple[EngineState, ...]) -> Iterator[Metric]:
    memory = GaugeMetricFamily("whisper_engine_memory_bytes", "Memory of an engine.", labels=["model"])
    waiting = GaugeMetricFamily("whisper_engine_windows_waiting", "Windows that wait.", labels=["model"])
    restarts = CounterMetricFamily(
        "whisper_engine_restarts", "Engines that had to be started anew.", labels=["model"]
    )
    audio = CounterMetricFamily("whisper_engine_heard_seconds", "Audio transcribed.", labels=["model"])
    busy = CounterMetricFamily("whisper_engine_busy_seconds", "Time at work.", labels=["model"])
    windows = CounterMetricFamily(
        "whisper_engine_windows", "Windows decoded, by priority.", labels=["model", "priority"]
    )
    for engine in engines:
        memory.add_metric([engine.model], engine.memory_bytes)
        waiting.add_metric([engine.model], engine.waiting)
        restarts.add_metric([engine.model], engine.restarts)
        audio.add_metric([engine.model], engine.heard_seconds)
        busy.add_metric([engine.model], engine.busy_seconds)
        for priority, count in zip(Priority, engine.windows_by_priority, strict=True):
            windows.add_metric([engine.model, _name(priority)], count)
    yield from (memory, waiting, restarts, audio, busy, windows)


def _gauge(name: str, text: str, value: float, **labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"whisper_{name}", text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _name(priority: Priority) -> str:
    return priority.name.lower()
