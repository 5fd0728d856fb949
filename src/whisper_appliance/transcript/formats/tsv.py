"""Tab-separated values, as openai/whisper writes them."""

from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.transcript.times import to_ms


def write_tsv(transcript: Transcript, _options: ExportOptions) -> str:
    """Start and end in milliseconds, and the text; a column more where speakers are known."""
    has_speakers = any(segment.speaker for segment in transcript.segments)

    def row(segment: Segment) -> str:
        speaker = f"\t{clean(segment.speaker)}" if has_speakers else ""
        return f"{to_ms(segment.start)}\t{to_ms(segment.end)}{speaker}\t{clean(segment.text)}\n"

    head = "start\tend\tspeaker\ttext\n" if has_speakers else "start\tend\ttext\n"
    return "".join([head, *map(row, transcript.segments)])


FORMAT = Format("tsv", ".tsv", "text/tab-separated-values", write_tsv)
