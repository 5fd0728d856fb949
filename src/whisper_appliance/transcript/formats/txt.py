"""Plain text: one line per paragraph."""

from whisper_appliance.transcript.formats.format import CueLimits, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Transcript

PARAGRAPH_PAUSE_SECONDS = 1.5


def write_txt(transcript: Transcript, _limits: CueLimits) -> str:
    """One line per paragraph; a pause of `PARAGRAPH_PAUSE_SECONDS` starts a new one."""
    paragraphs: list[str] = []
    silent_since = 0.0
    for segment in transcript.segments:
        if not paragraphs or segment.start - silent_since >= PARAGRAPH_PAUSE_SECONDS:
            paragraphs.append("")
        paragraphs[-1] += segment.text
        silent_since = segment.end
    return "".join(f"{line}\n" for line in map(clean, paragraphs) if line)


FORMAT = Format("txt", ".txt", "text/plain", write_txt)
