"""Word documents (Office Open XML), with python-docx."""

import io
import re
from datetime import datetime
from typing import TYPE_CHECKING

from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Note, Transcript
from whisper_appliance.transcript.paragraph_template import Part, filled
from whisper_appliance.transcript.paragraphs import Paragraph, is_right_to_left, paragraphs, with_notes

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph as WordParagraph

NOT_IN_XML = re.compile("[\ufffe\uffff]")
GREY = "6B7280"
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def write_docx(transcript: Transcript, options: ExportOptions) -> bytes:
    """The title, a line of facts, and the paragraphs with their times and speakers; notes are comments."""
    from docx import Document  # only here, because it takes a while to import

    document = Document()
    title = _text(options.title) or "Transcript"
    document.core_properties.title = title
    document.core_properties.author = ""
    document.core_properties.comments = ""
    document.core_properties.language = transcript.language
    _set_direction(document.add_heading(title, level=1), title)
    facts = " · ".join(filter(None, [options.created[:10], format_duration(transcript.duration)]))
    _add_grey(document.add_paragraph(), facts)
    shown = paragraphs(
        transcript, joined=options.paragraphs, chapters=options.chapters, beside=options.beside
    )
    for paragraph, notes in with_notes(shown, options.notes):
        for chapter in paragraph.chapters:
            _set_direction(document.add_heading(_text(chapter), level=2), chapter)
        made = _add(document, paragraph, options)
        for note in notes:
            _add_comment(document, made, note)
        if (translated := _text(paragraph.translation)) and not options.template_has_translation:
            document.add_paragraph().add_run(translated).italic = True
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def _add(document: "Document", paragraph: Paragraph, options: ExportOptions) -> "WordParagraph":
    made = document.add_paragraph()
    if options.template:
        for part in filled(options.template, paragraph):
            _add_part(made, part)
    else:
        if options.times is not False:
            _add_grey(made, f"{format_duration(paragraph.start)}  ")
        if paragraph.speaker:
            made.add_run(f"{_text(paragraph.speaker)}: ").bold = True
        made.add_run(_text(paragraph.text))
    _set_direction(made, paragraph.text)
    return made


def _add_part(made: "WordParagraph", part: Part) -> None:
    text = NOT_IN_XML.sub("", part.text)
    if part.kind == "time":
        _add_grey(made, text)
        return
    run = made.add_run(text)
    run.bold = part.kind == "speaker" or None
    run.italic = part.kind == "translation" or None


def _add_comment(document: "Document", made: "WordParagraph", note: Note) -> None:
    """A note as a comment on its paragraph, with its second, its author and when it was written."""
    author = _text(note.author)
    lines = "\n".join(_text(line) for line in note.text.splitlines())
    initials = "".join(word[0] for word in author.split()[:2])
    comment = document.add_comment(
        made.runs, f"{format_duration(note.start)}  {lines}", author=author, initials=initials
    )
    if note.created:
        # python-docx takes no time; without this, it would be that of the export.
        comment._comment_elm.date = datetime.fromisoformat(note.created)


def _add_grey(made: "WordParagraph", text: str) -> None:
    from docx.shared import Pt, RGBColor

    run = made.add_run(text)
    run.font.size = Pt(9)
    run.font.color.rgb = RGBColor.from_string(GREY)


def _set_direction(made: "WordParagraph", text: str) -> None:
    """Marks a paragraph and its runs as right to left (ECMA-376, `w:bidi` and `w:rtl`)."""
    if not is_right_to_left(text):
        return
    from docx.oxml import OxmlElement

    made.paragraph_format.element.get_or_add_pPr().append(OxmlElement("w:bidi"))
    for run in made.runs:
        run.font.rtl = True


def _text(text: str) -> str:
    return NOT_IN_XML.sub("", clean(text))


FORMAT = Format("docx", ".docx", WORD_TYPE, write_docx, is_text=False, has_template=True)
