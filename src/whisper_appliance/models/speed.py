"""How long an hour of audio takes: measured with a model that is here, estimated for others."""

from collections.abc import Mapping
from dataclasses import dataclass

from whisper_appliance.models.catalog import Model

HOUR_SECONDS = 3600.0
WORK: Mapping[str, float] = {
    "tiny": 0.6, "base": 1.0, "distil-small": 2.8, "small": 3.6, "distil-medium": 7.0, "medium": 10.0,
    "distil-large": 12.0, "large-v3-turbo": 13.0, "large": 19.0,
}  # fmt: skip
"""The time for the same audio on a processor, as a multiple of base's. tiny was measured beside base
(docs/models.md); the others follow from the work of encoder and decoder for each window."""
LADDERS = (
    ("tiny", "base", "small", "large-v3-turbo", "large-v3"),
    ("tiny.en", "base.en", "small.en", "distil-large-v3.5"),
)
"""Models worth a change, by quality: of many languages, and of English only."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A model decoded `audio_seconds` of speech in `wall_seconds`."""

    model: str
    audio_seconds: float
    wall_seconds: float


def relative_work(name: str) -> float | None:
    """The work of a model as a multiple of base's; None for a model that is not in the catalogue."""
    kinds = sorted(WORK, key=len, reverse=True)
    return next((WORK[kind] for kind in kinds if name.startswith(kind)), None)


def hour_seconds(name: str, measured: Measurement) -> float | None:
    """About how long an hour of audio takes with a model, from what another one needed."""
    pace = HOUR_SECONDS * measured.wall_seconds / measured.audio_seconds
    if name == measured.model:
        return pace
    own, other = relative_work(measured.model), relative_work(name)
    return pace * other / own if own and other else None


def neighbours(name: str, catalog: Mapping[str, Model]) -> tuple[str | None, str | None]:
    """A faster and a better model than this one, for the same languages."""
    languages = catalog[name].languages if name in catalog else "multilingual"
    ladder = LADDERS[languages == "en"]
    own = relative_work(name)
    if own is None:
        return None, None
    faster = [each for each in ladder if (relative_work(each) or 0) < own]
    better = [each for each in ladder if (relative_work(each) or 0) > own]
    return next(reversed(faster), None), next(iter(better), None)
