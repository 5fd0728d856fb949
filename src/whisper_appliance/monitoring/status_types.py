"""Status and health of the appliance as plain data."""

from dataclasses import dataclass
from typing import Literal

from whisper_appliance.core.sandbox import Isolation
from whisper_appliance.engines.contract import Priority
from whisper_appliance.host.stats import HostStats
from whisper_appliance.models.status import ModelsStatus, ModelStatus

ModelStateName = Literal["ready", "loading", "downloading", "idle", "unavailable"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the appliance is degraded, and what to do about it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Health:
    """The result of the health check: `degraded` if any reason exists."""

    status: Literal["ok", "degraded"]
    reasons: tuple[Reason, ...]
    version: str
    uptime_seconds: float


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model. `idle` is installed and loaded by the next request; `unavailable` says why in `reason`."""

    name: str
    state: ModelStateName
    reason: str | None
    progress: float | None
    default: bool
    installed: bool
    loaded: bool
    fits: bool
    languages: Literal["en", "multilingual"] | None
    translates: bool
    description: str
    licence: str | None
    disk_bytes: int | None
    download_bytes: int | None
    memory_bytes: int | None
    memory_estimate_bytes: int | None


@dataclass(frozen=True, slots=True)
class EngineState:
    """The process of one loaded model.

    Since its start it decoded `heard_seconds` of audio. `busy_seconds` is the time with any window at work;
    `worker_seconds` is the sum over its workers.
    """

    model: str
    name: str
    version: str
    state: str
    reason: str
    waiting: int
    running: int
    windows_done: int
    last_work_seconds_ago: float | None
    restarts: int
    memory_bytes: int
    device: str
    compute_type: str
    notices: tuple[str, ...]
    isolation: Isolation | None = None
    workers: int = 1
    heard_seconds: float = 0.0
    busy_seconds: float = 0.0
    worker_seconds: float = 0.0
    windows_by_priority: tuple[int, ...] = (0,) * len(Priority)


@dataclass(frozen=True, slots=True)
class QueueState:
    """The numbers of waiting and of running jobs."""

    waiting: int
    running: int


@dataclass(frozen=True, slots=True)
class LiveState:
    """Open live sessions, their limit, and the lag of the slowest."""

    sessions: int
    limit: int
    lag_ms: int


@dataclass(frozen=True, slots=True)
class CertificateState:
    """The certificate in use, and warnings about it."""

    kind: Literal["generated", "own"]
    names: tuple[str, ...]
    not_after: str
    fingerprint: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of uploads."""

    max_upload_bytes: int
    max_audio_seconds: float
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """The whole status, for pages and `/api/status`. None means not measured yet."""

    version: str
    versions: dict[str, str]
    uptime_seconds: float
    health: Health
    model: ModelState | None
    models: tuple[ModelState, ...]
    engines: tuple[EngineState, ...]
    queue: QueueState | None
    live: LiveState
    limits: Limits
    host: HostStats | None
    decoder: Isolation | None
    certificate: CertificateState | None


def model_state(model: ModelStatus) -> ModelState:
    """The state of a model as the pages show it."""
    return ModelState(
        name=model.name,
        state="unavailable" if model.state == "missing" or model.state == "failed" else model.state,
        reason=model.reason,
        progress=model.progress,
        default=model.default,
        installed=model.installed,
        loaded=model.loaded,
        fits=model.fits,
        languages=model.languages,
        translates=model.translates,
        description=model.description,
        licence=model.licence,
        disk_bytes=model.disk_bytes,
        download_bytes=model.download_bytes,
        memory_bytes=model.memory_bytes,
        memory_estimate_bytes=model.memory_estimate_bytes,
    )


def engine_states(status: ModelsStatus, now: float) -> tuple[EngineState, ...]:
    """The states of the loaded engines; `now` is a time of the monotonic clock."""
    engines = [model.engine for model in status.models if model.engine is not None]
    return tuple(
        EngineState(
            model=engine.model,
            name=engine.name,
            version=engine.version,
            state=engine.state,
            reason=engine.reason,
            waiting=engine.waiting,
            running=engine.running,
            windows_done=engine.windows_done,
            last_work_seconds_ago=None if engine.last_work is None else round(now - engine.last_work, 1),
            restarts=engine.restarts,
            memory_bytes=engine.memory_bytes,
            device=engine.device,
            compute_type=engine.compute_type,
            notices=engine.notices,
            isolation=engine.isolation,
            workers=engine.parallel_windows,
            heard_seconds=round(engine.usage.audio_seconds, 3),
            busy_seconds=round(engine.usage.busy_seconds, 3),
            worker_seconds=round(engine.usage.worker_seconds, 3),
            windows_by_priority=engine.usage.windows_by_priority,
        )
        for engine in engines
    )
