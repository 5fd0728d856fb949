"""Looks at every part and says how the appliance is, without ever waiting for one of them."""

import math
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from whisper_appliance import __version__
from whisper_appliance.audio.decode import Isolation, isolation
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.timed_probe import Glance, Seen
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.host.stats import HostStats, Processors, measure
from whisper_appliance.jobs.queue import Queue
from whisper_appliance.jobs.storage import is_storage
from whisper_appliance.live.manager import Sessions
from whisper_appliance.models.manager import ModelManager
from whisper_appliance.models.status import ModelsStatus
from whisper_appliance.monitoring.status_types import (
    CertificateState,
    Health,
    Limits,
    LiveState,
    QueueState,
    Reason,
    Status,
    engine_states,
    model_state,
)

AWAY = -1.0
STUCK_SECONDS = 30.0
COMPONENTS = (
    "onnxruntime", "faster-whisper", "ctranslate2", "openai-whisper", "av", "dbos", "flask", "gunicorn",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """What the database said of the queue, or why it did not answer."""

    state: QueueState | None
    error: str | None


@dataclass(frozen=True, slots=True)
class _Sight:
    """What was seen of the parts whose state is part of the health, all at once."""

    models: Seen[ModelsStatus]
    queue: Seen[QueueSeen]
    host: Seen[HostStats]
    storage: Seen[float]


class Observer:
    """Asks all parts at each question, and takes older answers from those that are slow."""

    def __init__(
        self,
        ask: Callable[[], Settings],
        models: ModelManager[EngineProcess],
        queue: Queue,
        live: Sessions,
        certificates: Certificates | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._queue = queue
        self._live = live
        self._certificates = certificates
        self._monotonic = monotonic
        self._began = monotonic()
        self._models_glance: Glance[ModelsStatus] = Glance(models.get_status)
        self._queue_glance: Glance[QueueSeen] = Glance(self._ask_queue)
        processors = Processors()
        self._host_glance: Glance[HostStats] = Glance(lambda: measure(ask().data_dir, processors))
        self._storage_glance: Glance[float] = Glance(lambda: _free_bytes(ask().storage_url))
        self._decoder_glance: Glance[Isolation | None] = Glance(_ask_decoder)
        self._certificate_glance: Glance[CertificateState | None] = Glance(self._ask_certificate)

    def health(self) -> Health:
        """Whether everything works."""
        return self._health(self._look())

    def _health(self, sight: _Sight) -> Health:
        reasons = tuple(self._reasons(sight))
        return Health("degraded" if reasons else "ok", reasons, __version__, self._uptime_seconds())

    def status(self) -> Status:
        """Everything that is to be known."""
        settings = self._ask()
        decoder, certificate = self._decoder_glance.ask(), self._certificate_glance.ask()
        sight = self._look()
        models, queue = sight.models.value, sight.queue.value
        shown = tuple(model_state(model) for model in models.models) if models else ()
        return Status(
            version=__version__,
            versions=_versions(),
            uptime_seconds=self._uptime_seconds(),
            health=self._health(sight),
            model=next((model for model in shown if model.default), None),
            models=shown,
            engines=engine_states(models, self._monotonic()) if models else (),
            queue=queue.state if queue else None,
            live=self._live_state(),
            limits=Limits(int(settings.max_upload_size), settings.max_audio_seconds, settings.wait_seconds),
            host=sight.host.value,
            decoder=decoder().value,
            certificate=certificate().value,
        )

    def _look(self) -> _Sight:
        models, queue = self._models_glance.ask(), self._queue_glance.ask()
        host, storage = self._host_glance.ask(), self._storage_glance.ask()
        return _Sight(models(), queue(), host(), storage())

    def _live_state(self) -> LiveState:
        counts = self._live.counts()
        return LiveState(counts.sessions, counts.limit, counts.lag_ms)

    def _uptime_seconds(self) -> float:
        return round(self._monotonic() - self._began, 3)

    def _reasons(self, sight: _Sight) -> Iterator[Reason]:
        yield from self._reasons_of_models(sight.models)
        queue, host, storage = sight.queue, sight.host, sight.storage
        if queue.value and queue.value.error:
            yield Reason("database", queue.value.error)
        if queue.seconds_ago > STUCK_SECONDS:
            yield Reason("database", "The database does not answer. Look at the disk and the log.")
        if host.seconds_ago > STUCK_SECONDS:
            yield Reason("disk", "The disk does not answer. Look at the machine's own log.")
        if storage.seconds_ago > STUCK_SECONDS:
            yield Reason("disk", "The folder of STORAGE_URL does not answer. Look at its server.")
        shared = math.inf if storage.value is None else storage.value
        if shared == AWAY:
            shared = math.inf
            yield Reason("disk", "The folder of STORAGE_URL is away. Mount it.")
        free = host.value.disk_free_bytes if host.value else math.inf
        if min(free, shared) < self._ask().min_free_disk:
            yield Reason("disk_full", "There is too little free disk space to take files. Free some.")

    def _reasons_of_models(self, models: Seen[ModelsStatus]) -> Iterator[Reason]:
        if models.seconds_ago > STUCK_SECONDS:
            yield Reason("models", "The models' part does not answer. Restart the appliance.")
        if models.value and models.value.state in ("missing", "failed", "downloading"):
            reason = models.value.reason or f"The model {models.value.default} is being downloaded."
            yield Reason("model_unavailable", reason)

    def _ask_queue(self) -> QueueSeen:
        try:
            counts = self._queue.counts()
        except ApplianceError as error:
            return QueueSeen(None, error.message)
        return QueueSeen(QueueState(counts["queued"], counts["running"]), None)

    def _ask_certificate(self) -> CertificateState | None:
        if self._certificates is None:
            return None
        info = self._certificates.info()
        return CertificateState(
            info.kind, info.names, written(info.not_after), info.fingerprint, info.warnings
        )


def _free_bytes(storage: Path | None) -> float:
    """The room where uploads lie, if that is a place of its own; `AWAY` where that is not mounted."""
    if storage is None:
        return math.inf
    try:
        return shutil.disk_usage(storage).free if is_storage(storage) else AWAY
    except OSError:
        return AWAY


def _ask_decoder() -> Isolation | None:
    try:
        return isolation()
    except ApplianceError:
        return None


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in COMPONENTS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
