"""Export formats of a transcript: one module each, and one line each in `FORMATS`."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.transcript.beside import lines_beside
from whisper_appliance.transcript.formats import ass, csv, docx, edl, html, json, md, pdf, srt, tsv, txt, vtt
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.paragraph_template import checked_template
from whisper_appliance.transcript.times import with_valid_times

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "txt": txt.FORMAT,
        "srt": srt.FORMAT,
        "vtt": vtt.FORMAT,
        "json": json.FORMAT,
        "tsv": tsv.FORMAT,
        "csv": csv.FORMAT,
        "ass": ass.FORMAT,
        "md": md.FORMAT,
        "html": html.FORMAT,
        "docx": docx.FORMAT,
        "pdf": pdf.FORMAT,
        "edl": edl.FORMAT,
    }
)
DEFAULTS = ExportOptions()


def export(transcript: Transcript, format_name: str, options: ExportOptions = DEFAULTS) -> bytes:
    """The transcript as a file in one of `FORMATS`; text is UTF-8.

    Raises `InvalidRequest` for an unknown format, a limit below 1, or a template that its format cannot fill.
    """
    written = _written(transcript, format_name, options)
    return written.encode("utf-8", "replace") if isinstance(written, str) else written


def render(transcript: Transcript, format_name: str, *, max_line_chars: int = 42, max_lines: int = 2) -> str:
    """The transcript in one of `FORMATS` that are text, without a title. Raises as `export` does."""
    options = ExportOptions(max_line_chars=max_line_chars, max_lines=max_lines)
    written = _written(transcript, format_name, options)
    if isinstance(written, bytes):
        raise InvalidRequest(
            "The format {format_value!r} is a file, not text.", format_value=format_name, field="format"
        )
    return written


def _written(transcript: Transcript, format_name: str, options: ExportOptions) -> str | bytes:
    if format_name not in FORMATS:
        raise InvalidRequest(
            "There is no format {format_value!r}. Choose one of: {formats}.",
            format_value=format_name,
            formats=", ".join(FORMATS),
            field="format",
        )
    if options.max_line_chars < 1 or options.max_lines < 1:
        raise InvalidRequest("A subtitle needs at least one line of one character.", field="max_line_chars")
    template = checked_template(options.template) if FORMATS[format_name].has_template else ""
    options = replace(options, template=template)
    valid = with_valid_times(transcript)
    if not options.speakers:
        valid = replace(valid, segments=tuple(replace(each, speaker="") for each in valid.segments))
    if options.translation:
        beside = lines_beside(valid.segments, options.translation.segments)
        options = replace(options, beside=beside)
    return FORMATS[format_name].write(valid, options)
