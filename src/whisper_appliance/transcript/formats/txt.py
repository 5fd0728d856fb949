"""Plain text: one line per paragraph, or as a template has it."""

from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.paragraph_template import filled_text
from whisper_appliance.transcript.paragraphs import Paragraph, paragraphs


def write_txt(transcript: Transcript, options: ExportOptions) -> str:
    """One line per paragraph; a new speaker is named at its start.

    A translation is the line below it, with an empty line after both.
    """
    lines: list[str] = []
    speaker = ""
    for paragraph in paragraphs(transcript, joined=options.paragraphs, beside=options.beside):
        if options.template:
            lines.append(f"{filled_text(options.template, paragraph)}\n")
        else:
            lines.append(_usual(paragraph, options, speaker))
        if options.beside and not options.template_has_translation:
            lines.append(f"{paragraph.translation}\n\n" if paragraph.translation else "\n")
        speaker = paragraph.speaker
    return "".join(lines)


def _usual(paragraph: Paragraph, options: ExportOptions, last_speaker: str) -> str:
    time = f"[{format_duration(paragraph.start)}] " if options.times else ""
    name = f"{paragraph.speaker}: " if paragraph.speaker and paragraph.speaker != last_speaker else ""
    return f"{time}{name}{paragraph.text}\n"


FORMAT = Format("txt", ".txt", "text/plain", write_txt, has_template=True)
