"""Export formats of a transcript: one module each, and one line each in `FORMATS`."""

from collections.abc import Mapping
from types import MappingProxyType

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.transcript.formats import json, srt, tsv, txt, vtt
from whisper_appliance.transcript.formats.format import CueLimits, Format
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.times import with_valid_times

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "txt": txt.FORMAT,
        "srt": srt.FORMAT,
        "vtt": vtt.FORMAT,
        "json": json.FORMAT,
        "tsv": tsv.FORMAT,
    }
)


def render(transcript: Transcript, format_name: str, *, max_line_chars: int = 42, max_lines: int = 2) -> str:
    """The transcript in one of `FORMATS`. The limits are for srt and vtt; wide characters count as two.

    Raises `InvalidRequest` for an unknown format or a limit below 1.
    """
    if format_name not in FORMATS:
        raise InvalidRequest(
            "There is no format {format_value!r}. Choose one of: {formats}.",
            format_value=format_name,
            formats=", ".join(FORMATS),
            field="format",
        )
    if max_line_chars < 1 or max_lines < 1:
        raise InvalidRequest("A subtitle needs at least one line of one character.", field="max_line_chars")
    return FORMATS[format_name].write(with_valid_times(transcript), CueLimits(max_line_chars, max_lines))
