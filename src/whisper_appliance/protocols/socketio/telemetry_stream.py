"""The telemetry stream over Socket.IO: resource samples for admins who have the overview open."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from flask import Flask, request
from pydantic import ConfigDict

from whisper_appliance.core.errors import ApplianceError, NotAllowed, SignInRequired
from whisper_appliance.core.schema import Schema
from whisper_appliance.monitoring.resource_sampler import MEASURES, ResourceSampler, Sample
from whisper_appliance.protocols.socketio.emit import Emit, Handler, JsonObject, current_connection
from whisper_appliance.protocols.socketio.payloads import parse
from whisper_appliance.web.auth.authentication import require

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

RECHECK_SECONDS = 10.0
CLOSED = "Your session has ended, or your account may not see this any more."


class WatchRange(Schema):
    """The payload of admin:watch."""

    model_config = ConfigDict(strict=True, extra="ignore")

    range: Literal["minutes", "day"] = "minutes"


@dataclass(slots=True)
class _Watcher:
    environ: "WSGIEnvironment"
    checked_at: float
    range: Literal["minutes", "day"]


class TelemetryStream:
    """The admins who have the overview open. Samples are taken often only while there are any."""

    def __init__(
        self,
        app: Flask,
        sampler: ResourceSampler,
        emit: Emit,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._sampler = sampler
        self._emit = emit
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._watchers: dict[str, _Watcher] = {}

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by event."""
        return {"admin:watch": self.watch, "admin:leave": self.leave}

    def watch(self, *arguments: Any) -> JsonObject:
        """Adds an admin, and acknowledges with the samples of the range: columns, oldest first."""
        require("administer")
        wanted = parse(WatchRange, arguments)
        self._add(current_connection(), _Watcher(request.environ, self._monotonic(), wanted.range))
        samples = self._sampler.recent() if wanted.range == "minutes" else self._sampler.minutes()
        return {"ok": True, "range": wanted.range, "samples": columns(samples)}

    def leave(self, *_arguments: Any) -> JsonObject:
        """Removes an admin who has closed the page."""
        self.on_disconnect(current_connection())
        return {"ok": True}

    def on_disconnect(self, connection: str) -> None:
        """Removes a connection that has ended."""
        with self._lock:
            self._watchers.pop(connection, None)
            self._sampler.sample_fast(bool(self._watchers))

    def on_sample(self, sample: Sample, minute: Sample | None) -> None:
        """Emits the new sample of its range to each admin."""
        for connection, watcher in list(self._watchers.items()):
            new = sample if watcher.range == "minutes" else minute
            if not self._is_still_admin(watcher):
                self.on_disconnect(connection)
                self._emit("admin:closed", {"code": "not_allowed", "message": CLOSED}, connection)
            elif new is not None:
                self._emit("admin:sample", asdict(new), connection)

    def _add(self, connection: str, watcher: _Watcher) -> None:
        with self._lock:
            self._watchers[connection] = watcher
            self._sampler.sample_fast(True)

    def _is_still_admin(self, watcher: _Watcher) -> bool:
        """Authenticates the connection again, at most every `RECHECK_SECONDS`.

        A database that is busy removes nobody.
        """
        if self._monotonic() - watcher.checked_at < RECHECK_SECONDS:
            return True
        watcher.checked_at = self._monotonic()
        try:
            with self._app.request_context(watcher.environ):
                require("administer")
        except (SignInRequired, NotAllowed):
            return False
        except ApplianceError:
            return True
        return True


def columns(samples: tuple[Sample, ...]) -> dict[str, list[float | None]]:
    """One list for each measure, as charts need them."""
    return {name: [getattr(sample, name) for sample in samples] for name in ("time", *MEASURES)}
