"""Collects the status and the health of all parts. Never blocks, because each probe has a timeout."""

import math
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from whisper_appliance import __version__
from whisper_appliance.audio.decode import isolation
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.sandbox import Isolation
from whisper_appliance.core.timed_probe import ProbeResult, TimedProbe
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.host.stats import CpuMeter, HostStats, measure
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.jobs.storage import JobFolders
from whisper_appliance.live.manager import LiveManager
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

NOT_MOUNTED = -1.0
STUCK_SECONDS = 30.0
COMPONENTS = (
    "onnxruntime", "faster-whisper", "ctranslate2", "openai-whisper", "av", "dbos", "flask", "gunicorn",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The state of the queue, or the error of the database; both if the queue cannot start."""

    state: QueueState | None
    error: str | None


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The results of the probes that decide the health, taken at the same time."""

    models: ProbeResult[ModelsStatus]
    queue: ProbeResult[QueueSnapshot]
    host: ProbeResult[HostStats]
    storage: ProbeResult[float]


class StatusCollector:
    """Probes all parts at each call; takes the last result of a probe that is late."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        models: ModelManager[EngineProcess],
        queue: JobQueue,
        live: LiveManager,
        certificates: Certificates | None,
        folders: JobFolders,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._live = live
        self._certificates = certificates
        self._monotonic = monotonic
        self._began = monotonic()
        self._models_probe: TimedProbe[ModelsStatus] = TimedProbe(models.get_status)
        self._queue_probe: TimedProbe[QueueSnapshot] = TimedProbe(self._read_queue)
        processors = CpuMeter()
        self._host_probe: TimedProbe[HostStats] = TimedProbe(lambda: measure(settings().data_dir, processors))
        self._storage_probe: TimedProbe[float] = TimedProbe(lambda: _free_bytes(folders))
        self._decoder_probe: TimedProbe[Isolation | None] = TimedProbe(_decoder_isolation)
        self._certificate_probe: TimedProbe[CertificateState | None] = TimedProbe(self._read_certificate)

    def health(self) -> Health:
        """The health: `ok`, or `degraded` with reasons."""
        return self._health(self._probe_all())

    def _health(self, sight: _Snapshot) -> Health:
        reasons = tuple(self._reasons(sight))
        return Health("degraded" if reasons else "ok", reasons, __version__, self._uptime_seconds())

    def status(self) -> Status:
        """The whole status."""
        settings = self._settings()
        decoder, certificate = self._decoder_probe.start(), self._certificate_probe.start()
        sight = self._probe_all()
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
            live=self._live_status(),
            limits=Limits(int(settings.max_upload_size), settings.max_audio_seconds, settings.wait_seconds),
            host=sight.host.value,
            decoder=decoder().value,
            certificate=certificate().value,
        )

    def _probe_all(self) -> _Snapshot:
        models, queue = self._models_probe.start(), self._queue_probe.start()
        host, storage = self._host_probe.start(), self._storage_probe.start()
        return _Snapshot(models(), queue(), host(), storage())

    def _live_status(self) -> LiveState:
        counts = self._live.counts()
        return LiveState(counts.sessions, counts.limit, counts.lag_ms)

    def _uptime_seconds(self) -> float:
        return round(self._monotonic() - self._began, 3)

    def _reasons(self, sight: _Snapshot) -> Iterator[Reason]:
        yield from self._reasons_of_models(sight.models)
        queue, host, storage = sight.queue, sight.host, sight.storage
        if queue.value and queue.value.error:
            yield Reason("database", queue.value.error)
        if queue.seconds_ago > STUCK_SECONDS:
            yield Reason("database", "The database does not answer. Check the disk and the log.")
        if host.seconds_ago > STUCK_SECONDS:
            yield Reason("disk", "The disk does not answer. Check the log of the machine.")
        if storage.seconds_ago > STUCK_SECONDS:
            yield Reason("disk", "The folder of STORAGE_URL does not answer. Check its server.")
        shared = math.inf if storage.value is None else storage.value
        if shared == NOT_MOUNTED:
            shared = math.inf
            yield Reason(
                "disk",
                "The folder of recordings is not mounted: STORAGE_URL, or uploads or audio in DATA_DIR. "
                "Mount it.",
            )
        free = host.value.disk_free_bytes if host.value else math.inf
        if min(free, shared) < self._settings().min_free_disk:
            yield Reason("disk_full", "There is too little free disk space for uploads. Free some.")

    def _reasons_of_models(self, models: ProbeResult[ModelsStatus]) -> Iterator[Reason]:
        if models.seconds_ago > STUCK_SECONDS:
            yield Reason("models", "The model manager does not answer. Restart the appliance.")
        if models.value and models.value.state in ("missing", "failed", "downloading"):
            reason = models.value.reason or f"The model {models.value.default} is being downloaded."
            yield Reason("model_unavailable", reason)

    def _read_queue(self) -> QueueSnapshot:
        try:
            counts = self._queue.counts()
        except ApplianceError as error:
            return QueueSnapshot(None, error.message)
        return QueueSnapshot(QueueState(counts["queued"], counts["running"]), self._queue.problem())

    def _read_certificate(self) -> CertificateState | None:
        if self._certificates is None:
            return None
        self._certificates.renew_if_due()  # the clock may have jumped
        info = self._certificates.info()
        return CertificateState(
            info.kind, info.names, written(info.not_after), info.fingerprint, info.warnings
        )


def _free_bytes(folders: JobFolders) -> float:
    """The free space of STORAGE_URL; infinite without one, `NOT_MOUNTED` if recordings are not mounted."""
    try:
        if not folders.are_mounted():
            return NOT_MOUNTED
        return shutil.disk_usage(folders.recordings).free if folders.is_shared else math.inf
    except OSError:
        return NOT_MOUNTED


def _decoder_isolation() -> Isolation | None:
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
