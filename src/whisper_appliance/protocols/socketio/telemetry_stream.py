"""The curves of the overview over Socket.IO: for admins, and only as long as they are admins."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from flask import Flask, request
from pydantic import BaseModel, ConfigDict

from whisper_appliance.core.errors import ApplianceError, NotAllowed, SignInRequired
from whisper_appliance.monitoring.resource_sampler import MEASURES, ResourceSampler, Sample
from whisper_appliance.protocols.socketio.events import Answer, Emit, connection
from whisper_appliance.protocols.socketio.payloads import read
from whisper_appliance.web.auth.authentication import require

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

RECHECK_SECONDS = 10.0
CLOSED = "Your session has ended, or your account may not see this any more."


class WatchRange(BaseModel):
    """admin:watch"""

    model_config = ConfigDict(strict=True, extra="ignore")

    range: Literal["minutes", "day"] = "minutes"


@dataclass(slots=True)
class _Watcher:
    environ: "WSGIEnvironment"
    checked: float
    range: Literal["minutes", "day"]


class TelemetryStream:
    """Admins who look at the overview now. Samples come often only while there are any."""

    def __init__(
        self,
        app: Flask,
        vitals: ResourceSampler,
        emit: Emit,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._vitals = vitals
        self._emit = emit
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._inside: dict[str, _Watcher] = {}

    @property
    def handlers(self) -> dict[str, Callable[..., Answer]]:
        """By event."""
        return {"admin:watch": self.watch, "admin:leave": self.leave}

    def watch(self, *arguments: Any) -> Answer:
        """Lets an admin in, with what is kept of the range: columns, the oldest first."""
        require("administer")
        wanted = read(WatchRange, arguments)
        self._let_in(connection(), _Watcher(request.environ, self._monotonic(), wanted.range))
        kept = self._vitals.recent() if wanted.range == "minutes" else self._vitals.minutes()
        return {"ok": True, "range": wanted.range, "samples": columns(kept)}

    def leave(self, *_arguments: Any) -> Answer:
        """The page looks no more."""
        self.left(connection())
        return {"ok": True}

    def left(self, client: str) -> None:
        """The connection is gone, or does not want to know any more."""
        with self._lock:
            self._inside.pop(client, None)
            self._vitals.sample_fast(bool(self._inside))

    def told(self, sample: Sample, minute: Sample | None) -> None:
        """Tells each watcher what is new in its range."""
        for client, watcher in list(self._inside.items()):
            new = sample if watcher.range == "minutes" else minute
            if not self._still_admin(watcher):
                self.left(client)
                self._emit("admin:closed", {"code": "not_allowed", "message": CLOSED}, client)
            elif new is not None:
                self._emit("admin:sample", asdict(new), client)

    def _let_in(self, client: str, watcher: _Watcher) -> None:
        with self._lock:
            self._inside[client] = watcher
            self._vitals.sample_fast(True)

    def _still_admin(self, watcher: _Watcher) -> bool:
        """Asked now and then as if the connection were opened again; a busy database throws nobody out."""
        if self._monotonic() - watcher.checked < RECHECK_SECONDS:
            return True
        watcher.checked = self._monotonic()
        try:
            with self._app.request_context(watcher.environ):
                require("administer")
        except (SignInRequired, NotAllowed):
            return False
        except ApplianceError:
            return True
        return True


def columns(samples: tuple[Sample, ...]) -> dict[str, list[float | None]]:
    """A list for each measure, as charts take them."""
    return {name: [getattr(sample, name) for sample in samples] for name in ("time", *MEASURES)}
