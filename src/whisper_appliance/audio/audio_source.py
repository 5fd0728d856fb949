"""Audio source: the interface of a recording that the transcription pipeline needs."""

from collections.abc import Iterator
from typing import Protocol

from whisper_appliance.core.samples import Samples
from whisper_appliance.transcript.model import Notice


class AudioSource(Protocol):
    """Samples, length and notices of one recording; `audio.recording.Recording` implements it."""

    def blocks(self, seconds: float = 30.0) -> Iterator[Samples]: ...
    def read(self, start: int, stop: int) -> Samples: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def estimated_seconds(self) -> float | None: ...
    @property
    def notices(self) -> tuple[Notice, ...]: ...
    @property
    def audio_sha256(self) -> str: ...
