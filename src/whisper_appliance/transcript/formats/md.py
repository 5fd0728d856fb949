"""Markdown (CommonMark): a heading, and the paragraphs."""

import re

from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Note, Transcript
from whisper_appliance.transcript.paragraph_template import filled_text
from whisper_appliance.transcript.paragraphs import Paragraph, paragraphs, with_notes

SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~&!$]")
LIST_START = re.compile(r"^(\d+)([.)])|^([-+=])")


def write_md(transcript: Transcript, options: ExportOptions) -> str:
    """The title as a heading, then each paragraph with its time and speaker, unless they are left out."""
    blocks = [f"# {_escape(options.title)}"] if clean(options.title) else []
    shown = paragraphs(
        transcript, joined=options.paragraphs, chapters=options.chapters, beside=options.beside
    )
    for paragraph, notes in with_notes(shown, options.notes):
        blocks += [f"## {_escape(chapter)}" for chapter in paragraph.chapters]
        blocks.append(_paragraph(paragraph, options))
        if (translated := _escape(paragraph.translation)) and not options.template_has_translation:
            blocks.append(f"*{translated}*")
        blocks += map(_quote, notes)
    return "".join(f"{block}\n\n" for block in blocks).rstrip("\n") + "\n" * bool(blocks)


def _paragraph(paragraph: Paragraph, options: ExportOptions) -> str:
    if options.template:
        lines = map(_escape, filled_text(options.template, paragraph).splitlines())
        return "\\\n".join(filter(None, lines))
    time = "" if options.times is False else f"`{format_duration(paragraph.start)}` "
    name = f"**{_escape(paragraph.speaker)}:** " if paragraph.speaker else ""
    return f"{time}{name}{_escape(paragraph.text)}"


def _quote(note: Note) -> str:
    """A note as a block quote, a line of it in each line."""
    head = ", ".join(filter(None, [_escape(note.author), format_duration(note.start)]))
    lines = [_escape(line) for line in note.text.splitlines()]
    return "\\\n".join(f"> {line}" for line in [f"**{head}:**", *filter(None, lines)])


def _escape(text: str) -> str:
    """The text in one line, as CommonMark shows it."""
    escaped = SPECIAL.sub(lambda found: "\\" + found[0], clean(text))
    return LIST_START.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", escaped)


FORMAT = Format("md", ".md", "text/markdown", write_md, has_template=True)
