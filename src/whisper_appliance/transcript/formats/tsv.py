"""Tab-separated values, as openai/whisper writes them."""

from whisper_appliance.transcript.formats.format import CueLimits, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.times import to_ms


def write_tsv(transcript: Transcript, _limits: CueLimits) -> str:
    """Start and end in milliseconds, and the text, as openai/whisper writes them."""
    rows = [
        f"{to_ms(segment.start)}\t{to_ms(segment.end)}\t{clean(segment.text)}\n"
        for segment in transcript.segments
    ]
    return "".join(["start\tend\ttext\n", *rows])


FORMAT = Format("tsv", ".tsv", "text/tab-separated-values", write_tsv)
