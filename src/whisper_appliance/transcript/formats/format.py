"""One export format: its name, file extension, media type, and the function that writes it."""

from collections.abc import Callable
from dataclasses import dataclass

from whisper_appliance.transcript.chapters import Chapter
from whisper_appliance.transcript.model import Note, Transcript


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
    template: str = ""
    """How documents write a paragraph, see `transcript.paragraph_template`; empty: as is usual."""
    speakers: bool = True
    paragraphs: bool = True
    """Whether documents join segments to paragraphs; otherwise each segment is a line."""
    frame_rate: float = 25.0
    """Frames a second of the video, for editing lists."""
    chapters: tuple[Chapter, ...] | None = None
    """Chapters by hand, as headings of documents; None: there are none."""
    translation: Transcript | None = None
    """What stands beside the lines in another language; None: nothing does."""
    beside: tuple[str, ...] = ()
    """The lines of the translation, one for each segment; `transcript.formats` makes them."""
    notes: tuple[Note, ...] = ()
    """Notes for the formats that have a place for them, by their seconds."""

    @property
    def template_has_translation(self) -> bool:
        """Whether the template says where the translation stands."""
        return "{translation}" in self.template


@dataclass(frozen=True, slots=True)
class Format:
    """An export format. `write` gets a transcript whose times hold, and returns bytes if it is no text."""

    name: str
    extension: str
    media_type: str
    write: Callable[[Transcript, ExportOptions], str | bytes]
    is_text: bool = True
    has_template: bool = False
    """Whether it writes paragraphs by a template."""
