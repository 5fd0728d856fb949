"""One export format: its name, file extension, media type, and the function that writes it."""

from collections.abc import Callable
from dataclasses import dataclass

from whisper_appliance.transcript.model import Transcript


@dataclass(frozen=True, slots=True)
class CueLimits:
    """Limits of one subtitle cue; wide characters count as two."""

    max_line_chars: int = 42
    max_lines: int = 2


@dataclass(frozen=True, slots=True)
class Format:
    """An export format. Only subtitle formats use the `CueLimits`."""

    name: str
    extension: str
    media_type: str
    write: Callable[[Transcript, CueLimits], str]
