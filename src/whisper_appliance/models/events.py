"""Events of models, for logs and the admin panel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ModelEventKind = Literal[
    "loading", "loaded", "unloaded", "switched", "failed", "download", "damaged", "removed", "engine"
]


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """A change of a model; `message` is for people. `ModelManager.get_status` has the full state."""

    kind: ModelEventKind
    model: str
    message: str
    progress: float | None = None


Announce = Callable[[ModelEvent], None]


def ignore(event: ModelEvent) -> None:
    """An `Announce` that drops the event."""
    del event
