"""What an import reads from a file."""

from dataclasses import dataclass, replace

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.transcript import typography
from whisper_appliance.transcript.chapters import Chapter
from whisper_appliance.transcript.languages import language_code
from whisper_appliance.transcript.model import Note, Transcript

MAX_SEGMENTS = 500_000
MAX_SECONDS = 1000 * 3600.0


@dataclass(frozen=True, slots=True)
class ImportedTranscript:
    """A transcript of another program; the title and the time of creation are empty if the file has none."""

    transcript: Transcript
    title: str = ""
    created: str = ""
    notes: tuple[Note, ...] = ()
    chapters: tuple[Chapter, ...] | None = None

    def with_transcript(self, transcript: Transcript) -> "ImportedTranscript":
        """The same with another transcript."""
        return replace(self, transcript=transcript)


def check_times(start: float, end: float, number: int) -> None:
    """Raises `InvalidRequest` for times that no recording has; `number` counts captions from 1."""
    if not 0 <= start <= MAX_SECONDS or not 0 <= end <= MAX_SECONDS:
        raise InvalidRequest(
            "Caption {number} has a time that no recording has.", number=number, field="file"
        )
    if end < start:
        raise InvalidRequest("Caption {number} ends before it begins.", number=number, field="file")


def check_number(count: int) -> None:
    """Raises `InvalidRequest` for no captions at all, or too many."""
    if not count:
        raise InvalidRequest("There is no caption in this file.", field="file")
    if count > MAX_SEGMENTS:
        raise InvalidRequest("There are more than {limit} captions in this file.", limit=MAX_SEGMENTS)


def code_of_language(given: str | None) -> str:
    """The code of a language, empty for one that Whisper does not know."""
    try:
        return language_code(given or "") or ""
    except InvalidRequest:
        return ""


def spaced(text: str) -> str:
    """The text as a segment has it: with a space before it, unless its script has none between words."""
    is_unspaced = not text or text[0].isspace() or typography.UNSPACED.match(text)
    return text if is_unspaced else f" {text}"
