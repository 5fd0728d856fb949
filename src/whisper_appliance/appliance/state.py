"""How the appliance is, as plain data: its health in a word with reasons, and its whole state."""

from dataclasses import dataclass
from typing import Literal

from whisper_appliance.host.vitals import Host

ModelStateName = Literal["ready", "loading", "downloading", "idle", "unavailable"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that keeps the appliance from its work, and what to do."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Health:
    """`degraded` means that something does not work; the reasons say what."""

    status: Literal["ok", "degraded"]
    reasons: tuple[Reason, ...]
    version: str
    uptime_seconds: float


@dataclass(frozen=True, slots=True)
class DefaultModel:
    """The model that is used when a request names none. `idle` is loaded by the next request."""

    name: str
    state: ModelStateName
    progress: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model of the catalogue, or of the user's own."""

    name: str
    state: ModelStateName
    installed: bool
    loaded: bool
    fits: bool
    progress: float | None
    reason: str | None
    languages: Literal["en", "multilingual"] | None
    description: str
    licence: str | None
    download_bytes: int | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class EngineState:
    """One loaded model's process."""

    model: str
    state: Literal["loading", "idle", "busy", "failed"]
    reason: str | None
    waiting: int
    running: int
    restarts: int
    memory_bytes: int | None
    device: str | None
    compute_type: str | None
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueState:
    """Jobs that wait and jobs that run."""

    waiting: int
    running: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What the appliance takes."""

    max_upload_bytes: int
    max_audio_seconds: float
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """The whole state, for pages and for people."""

    version: str
    versions: dict[str, str]
    uptime_seconds: float
    health: Health
    model: DefaultModel
    models: tuple[ModelState, ...]
    engines: tuple[EngineState, ...]
    queue: QueueState
    limits: Limits
    host: Host
    decoder: dict[str, object] | None
    certificate: tuple[str, ...]
