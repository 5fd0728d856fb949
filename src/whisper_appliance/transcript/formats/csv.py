"""Comma-separated values (RFC 4180), for spreadsheets."""

from whisper_appliance.core.csv_line import csv_line
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Transcript

BYTE_ORDER_MARK = "\ufeff"
"""Excel takes a file without it for one in the code page of the machine."""


def write_csv(transcript: Transcript, options: ExportOptions) -> str:
    """Start and end in seconds, the speaker and the text, a row for each segment; then its translation."""
    beside = options.translation is not None
    lines = [csv_line(["start", "end", "speaker", "text", *(["translation"] * beside)])]
    for place, segment in enumerate(transcript.segments):
        times = (f"{segment.start:.3f}", f"{segment.end:.3f}")
        words = (clean(segment.speaker), clean(segment.text), *options.beside[place : place + 1])
        lines.append(csv_line([*times, *words]))
    return BYTE_ORDER_MARK + "".join(lines)


FORMAT = Format("csv", ".csv", "text/csv", write_csv)
