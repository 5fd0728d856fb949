"""What the models room announces when something changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "loading", "loaded", "unloaded", "switched", "failed", "download", "damaged", "removed", "engine"
]


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """Something changed with a model; `message` is for people. Ask `get_status()` for the whole picture."""

    kind: Kind
    model: str
    message: str
    progress: float | None = None


Announce = Callable[[ModelEvent], None]


def to_nobody(event: ModelEvent) -> None:
    """The announcement of a part that nobody listens to."""
