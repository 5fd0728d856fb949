"""One export format: its name, file extension, media type, and the function that writes it."""

from collections.abc import Callable
from dataclasses import dataclass

from whisper_appliance.transcript.model import Transcript


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to write a transcript. A format leaves out what it has no use for."""

    title: str = ""
    created: str = ""
    """UTC, ISO 8601."""
    max_line_chars: int = 42
    """Longest line of a subtitle; wide characters count as two."""
    max_lines: int = 2
    times: bool | None = None
    """Whether documents show times; `None`: as is usual in the format."""
    speakers: bool = True
    paragraphs: bool = True
    """Whether documents join segments to paragraphs; otherwise each segment is a line."""
    frame_rate: float = 25.0
    """Frames a second of the video, for editing lists."""


@dataclass(frozen=True, slots=True)
class Format:
    """An export format. `write` gets a transcript whose times hold, and returns bytes if it is no text."""

    name: str
    extension: str
    media_type: str
    write: Callable[[Transcript, ExportOptions], str | bytes]
    is_text: bool = True
