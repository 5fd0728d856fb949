"""Plain text: one line per paragraph, or as a template has it."""

import re

from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.paragraphs import Paragraph, paragraphs

PLACE = re.compile(r"\{(start|end|speaker|text)\}")


def write_txt(transcript: Transcript, options: ExportOptions) -> str:
    """One line per paragraph; a new speaker is named at its start.

    A translation is the line below it, with an empty line after both.
    """
    lines: list[str] = []
    speaker = ""
    for paragraph in paragraphs(transcript, joined=options.paragraphs, beside=options.beside):
        if options.template:
            lines.append(f"{_filled(options.template, paragraph)}\n")
            continue
        time = f"[{format_duration(paragraph.start)}] " if options.times else ""
        name = f"{paragraph.speaker}: " if paragraph.speaker and paragraph.speaker != speaker else ""
        lines.append(f"{time}{name}{paragraph.text}\n")
        if options.beside:
            lines.append(f"{paragraph.translation}\n\n" if paragraph.translation else "\n")
        speaker = paragraph.speaker
    return "".join(lines)


def _filled(template: str, paragraph: Paragraph) -> str:
    values = {
        "start": format_duration(paragraph.start),
        "end": format_duration(paragraph.end),
        "speaker": paragraph.speaker,
        "text": paragraph.text,
    }
    return PLACE.sub(lambda place: values[place[1]], template)


FORMAT = Format("txt", ".txt", "text/plain", write_txt)
