"""Lanes: recordings of like length wait for each other, so that a short one never waits for a long one.

The length of a recording is known once its file is open, or while it is decoded. Until then it counts as
short.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from whisper_appliance.engines.contract import Priority

Lane = Literal["interactive", "medium", "long", "batch"]
CONCURRENCY: Mapping[Lane, int] = MappingProxyType({"interactive": 8, "medium": 4, "long": 2, "batch": 2})
"""So many jobs of a lane run at once, in the order in which lanes come first."""
SHORT_SECONDS = 60.0
MEDIUM_SECONDS = 900.0


def lane_of(priority: int) -> Lane:
    """The lane in which a job of this priority begins."""
    return "batch" if priority == Priority.BATCH else "interactive"


def lane_for(lane: Lane, seconds: float) -> Lane:
    """The lane of a recording that is in `lane` and lasts at least so many seconds."""
    if lane == "batch" or seconds <= SHORT_SECONDS:
        return lane
    if seconds > MEDIUM_SECONDS:
        return "long"
    return "medium" if lane == "interactive" else lane
