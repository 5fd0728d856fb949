"""One OpenTelemetry trace for each job, from the request that brought the recording to the transcript.

The id of a job is 128 random bits, and so is the id of a trace: they are the same, and the first half of it
is the id of the root span. So every process and machine that works on a job adds its spans to one trace, and
nothing has to be passed between them. See https://opentelemetry.io/docs/specs/otel/trace/.

Only this module imports OpenTelemetry, which the extra `tracing` installs.
"""

import logging
import platform
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol

from whisper_appliance import __version__
from whisper_appliance.core.clock import Clock, now
from whisper_appliance.core.errors import ApplianceError, BadSetting
from whisper_appliance.jobs.events import JobDone, JobEvent, JobFailed, JobProgressed, JobStarted
from whisper_appliance.jobs.job import Job

ROOT = "transcription"
"""The name of the span that holds all others of a job."""
EXPORT_SECONDS = 5
"""How long a collector may take; the end of the program waits no longer for one that does not answer."""
MAX_RUNNING = 1000
"""Jobs whose windows are remembered; of older ones the trace has no windows."""
Attributes = Mapping[str, str | int | float]
log = logging.getLogger(__name__)


class SpanSink(Protocol):
    """The part of a span processor of OpenTelemetry that is used."""

    def on_end(self, span: Any) -> None:
        """Takes a span that has ended; sends it later, in a thread of its own."""
        ...

    def shutdown(self) -> None:
        """Sends what is left."""
        ...


@dataclass
class _Attempt:
    """What this process has seen of a running job; times in UTC."""

    began: datetime
    windows: list[datetime] = field(default_factory=list)


class JobTraces:
    """Makes the spans of jobs. Without a sink it does nothing."""

    def __init__(self, sink: SpanSink | None, find_job: Callable[[str], Job], clock: Clock = now) -> None:
        """`find_job` reads the row of a job."""
        self._sink = sink
        self._find_job = find_job
        self._clock = clock
        self._running: OrderedDict[str, _Attempt] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Sends the spans that wait, for some seconds at most."""
        if self._sink:
            self._sink.shutdown()

    def on_request(self, job_id: str, name: str, seconds: float, status: int) -> None:
        """Adds the span of the request that brought the recording, which has just been answered."""
        ended = self._clock()
        facts: Attributes = {"http.response.status_code": status}
        self._add(_Span(job_id, name, ended - timedelta(seconds=seconds), ended, facts))

    def on_job_event(self, event: JobEvent) -> None:
        """Notes the progress of a job, and adds its spans when it has ended."""
        if not self._sink:
            return
        match event:
            case JobStarted(job_id):
                self._attempt(job_id)
            case JobProgressed(job_id):
                self._attempt(job_id).windows.append(self._clock())
            case JobDone(job_id) | JobFailed(job_id):
                self._end(job_id, event)

    def _attempt(self, job_id: str) -> _Attempt:
        with self._lock:
            attempt = self._running.setdefault(job_id, _Attempt(self._clock()))
            while len(self._running) > MAX_RUNNING:
                self._running.popitem(last=False)
            return attempt

    def _end(self, job_id: str, event: JobDone | JobFailed) -> None:
        with self._lock:
            attempt = self._running.pop(job_id, None)
        try:
            job = self._find_job(job_id)
        except ApplianceError as error:
            log.warning("Job %s has no trace: %s", job_id, error.message)
            return
        ended = self._clock()
        accepted, started = datetime.fromisoformat(job.created), _moment(job.started, ended)
        self._add(_Span(job_id, "queue", accepted, started))
        if attempt:
            attempts: Attributes = {"whisper.attempts": job.attempts}
            self._add(_Span(job_id, "transcribe", attempt.began, ended, attempts, attempt.windows))
        facts: dict[str, str | int | float] = {"whisper.audio_bytes": job.audio_bytes}
        if isinstance(event, JobDone):
            facts |= {"whisper.model": event.model, "whisper.audio_seconds": event.audio_seconds}
        code = event.code if isinstance(event, JobFailed) else ""
        self._add(_Span(job_id, ROOT, accepted, _moment(job.finished, ended), facts, error=code))

    def _add(self, span: "_Span") -> None:
        if self._sink:
            self._sink.on_end(span.readable())


def exporting(endpoint: str) -> SpanSink:
    """A sink that sends spans by OTLP over HTTP to a collector. Raises `BadSetting` without the extra."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise BadSetting(
            "OTEL_EXPORTER_OTLP_ENDPOINT needs OpenTelemetry: pip install 'whisper-appliance[tracing]'"
        ) from None
    address = endpoint.rstrip("/") + "/v1/traces"
    return BatchSpanProcessor(OTLPSpanExporter(endpoint=address, timeout=EXPORT_SECONDS))


@dataclass(frozen=True)
class _Span:
    """A span of the trace of a job; an `error` is the code of how the job failed."""

    job_id: str
    name: str
    began: datetime
    ended: datetime
    attributes: Attributes = field(default_factory=dict)
    windows: Sequence[datetime] = ()
    error: str = ""

    def readable(self) -> Any:
        """The span as OpenTelemetry has it."""
        from opentelemetry.sdk.trace import Event, ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        is_root = self.name == ROOT
        root = int(self.job_id[:16], 16)
        return ReadableSpan(
            self.name,
            context=self._context(root if is_root else secrets.randbits(64) or 1),
            parent=None if is_root else self._context(root),
            resource=_resource(),
            attributes=dict(self.attributes),
            events=[Event("window", timestamp=_nanoseconds(each)) for each in self.windows],
            kind=SpanKind.SERVER if "http.response.status_code" in self.attributes else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, self.error) if self.error else Status(StatusCode.UNSET),
            start_time=_nanoseconds(self.began),
            end_time=_nanoseconds(max(self.began, self.ended)),
        )

    def _context(self, span_id: int) -> Any:
        from opentelemetry.trace import SpanContext, TraceFlags

        return SpanContext(int(self.job_id, 16), span_id, is_remote=False, trace_flags=TraceFlags(1))


@cache
def _resource() -> Any:
    from opentelemetry.sdk.resources import Resource

    names = {"service.name": "whisper-appliance", "service.version": __version__}
    return Resource.create({**names, "host.name": platform.node()})


def _moment(written: str | None, otherwise: datetime) -> datetime:
    return datetime.fromisoformat(written) if written else otherwise


def _nanoseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1e9)
