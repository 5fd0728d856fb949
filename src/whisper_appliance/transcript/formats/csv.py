"""Comma-separated values (RFC 4180), for spreadsheets."""

import csv
import io

from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Transcript

BYTE_ORDER_MARK = "\ufeff"
"""Excel takes a file without it for one in the code page of the machine."""
FORMULA_STARTS = ("=", "+", "-", "@")


def write_csv(transcript: Transcript, _options: ExportOptions) -> str:
    """Start and end in seconds, the speaker and the text, a row for each segment."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(["start", "end", "speaker", "text"])
    for segment in transcript.segments:
        times = (f"{segment.start:.3f}", f"{segment.end:.3f}")
        rows.writerow([*times, _cell(segment.speaker), _cell(segment.text)])
    return BYTE_ORDER_MARK + written.getvalue()


def _cell(text: str) -> str:
    """The text in one line; a spreadsheet does not take it for a formula."""
    line = clean(text)
    return f"'{line}" if line.startswith(FORMULA_STARTS) else line


FORMAT = Format("csv", ".csv", "text/csv", write_csv)
