"""What both clients share: the address, repeats of failed requests, and the progress of a job."""

import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from whisper_appliance.client import calls, results
from whisper_appliance.client.responses import EventStream, error_of, error_of_code
from whisper_appliance.client.results import Job, LiveEnd, Progress, Segment
from whisper_appliance.client.trust import Untrusted, tls_context
from whisper_appliance.core.errors import ApplianceError, Busy, Cancelled, Unavailable

REPEATS_SECONDS = (0.5, 2.0, 5.0)
"""The pauses before a failed request is repeated."""
RECONNECT_SECONDS = (0.2, 1.0, 3.0, 10.0)
"""The pauses before a broken stream of events is opened again; the last one repeats."""
MAX_RECONNECTS = 40
"""How often in a row a stream may break, which is about six minutes."""
LONGEST_WAIT_SECONDS = 10.0
"""No request is repeated if the server wants a longer pause than this."""
SILENCE_SECONDS = 60.0
"""The longest time without a byte; streams have a heartbeat every 15 s."""


OnEvent = Callable[[str, dict[str, Any]], None]
"""Receives the kind and the payload of an event of live speech; docs/live.md has them."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the appliance is, the key, and the TLS settings (None for plain HTTP)."""

    url: str
    key: str
    tls: ssl.SSLContext | None

    def http_options(self, timeout_seconds: float) -> dict[str, Any]:
        """The options of an HTTP client."""
        headers = {"User-Agent": "whisper-appliance-client", "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return {
            "base_url": f"{self.url}{calls.PREFIX}",
            "headers": headers,
            "verify": self.tls or False,  # None is plain HTTP, where nothing is verified
            "timeout": timeout_seconds,
        }


def address(
    url: str, key: str | None, ca_file: Path | str | None, ca_fingerprint: str | None, insecure: bool
) -> Address:
    """The address with its TLS settings. Raises `Unavailable`."""
    url = url.rstrip("/")
    context = tls_context(url, ca_file=ca_file, ca_fingerprint=ca_fingerprint, insecure=insecure)
    return Address(url, key or "", context)


def check(response: httpx2.Response) -> None:
    """Raises the error of a response that was read."""
    if response.status_code >= 400:
        raise error_of(response.status_code, response.content, response.headers)


def unreachable(url: str, error: Exception) -> Unavailable:
    """The error of a connection that could not be made, or broke."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Untrusted(
            "The certificate of {url} is not trusted. Give the fingerprint of its CA, which "
            "`whisper-appliance certificate` shows on the appliance, or its CA file, {url}/ca.crt.",
            url=url,
        )
    return Unavailable(
        "{url} cannot be reached: {problem}.", url=url, problem=str(error) or type(error).__name__
    )


def _may_pass(error: ApplianceError) -> bool:
    """Whether the same request may succeed later."""
    return isinstance(error, Unavailable | Busy) and not isinstance(error, Untrusted)


def pause_before_repeat(error: ApplianceError, attempt: int, *, safe: bool) -> float | None:
    """How long to wait before the request is sent again; None if it must not be.

    `safe`: a request that may have arrived can be sent again, because that does no harm.
    """
    if attempt >= len(REPEATS_SECONDS) or not _may_pass(error):
        return None
    rejected = error.retry_after_seconds is not None
    if not (safe or rejected):
        return None
    pause = max(REPEATS_SECONDS[attempt], error.retry_after_seconds or 0)
    return pause if pause <= LONGEST_WAIT_SECONDS else None


@dataclass
class JobProgress:
    """The progress of a job, put together from its stream of events, however often that breaks."""

    job: Job | None = None
    failures: int = 0
    _events: EventStream = field(default_factory=EventStream)
    _next_segment: int = 0
    _new: list[Segment] = field(default_factory=list)

    def feed(self, line: str) -> Progress | None:
        """The change that this line of the stream ends, if it ends one."""
        event = self._events.feed(line)
        if event is None:
            return None
        self.failures = 0
        name, data = event
        if name == "segments":
            self._take(data)
        if name != "job":
            return None
        self.job = results.read_job(data)
        new, self._new = tuple(self._new), []
        return Progress(self.job, new)

    @property
    def ended(self) -> bool:
        """Whether the job has ended."""
        return self.job is not None and self.job.ended

    def broken(self, error: ApplianceError) -> float:
        """The pause before the stream is opened again. Raises the error if that does not help."""
        if not _may_pass(error) or self.failures >= MAX_RECONNECTS:
            raise error
        self._events = EventStream()
        pause = RECONNECT_SECONDS[min(self.failures, len(RECONNECT_SECONDS) - 1)]
        self.failures += 1
        return max(pause, min(error.retry_after_seconds or 0, LONGEST_WAIT_SECONDS))

    def _take(self, data: Mapping[str, Any]) -> None:
        """Keeps the segments that are new; a stream that was opened again begins with all of them."""
        for each in map(results.read_segment, data["segments"]):
            if each.id >= self._next_segment:
                self._new.append(each)
                self._next_segment = each.id + 1


def transcript_id_of(job: Job) -> str:
    """The id of the transcript of a job that has ended. Raises the error of a failed job, or `Cancelled`."""
    if job.status == "done" and job.transcript_id:
        return job.transcript_id
    if job.error is not None:
        raise error_of_code(job.error.code, job.error.message, status=500)
    raise Cancelled("The job was cancelled.")


def stream_live(
    address: Address, packets: Iterable[bytes], on_event: OnEvent, options: Mapping[str, Any]
) -> LiveEnd:
    """Streams packets of speech until they end."""
    from whisper_appliance.client.live_client import EventConnection, LiveClient
    from whisper_appliance.client.socketio_client import Handler, SocketIOClient

    def connect(handlers: dict[str, Handler]) -> EventConnection:
        return SocketIOClient(address.url, handlers, address.tls, key=address.key)

    given = {name: value for name, value in options.items() if value is not None}
    end = LiveClient(connect, {"v": 1, **given}, on_event).stream(packets)
    return LiveEnd(end["s"], end["transcript_id"])
