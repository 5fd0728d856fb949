"""Word documents (Office Open XML), with python-docx."""

import io
import re
from typing import TYPE_CHECKING

from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.paragraphs import Paragraph, is_right_to_left, paragraphs

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph as WordParagraph

NOT_IN_XML = re.compile("[\ufffe\uffff]")
GREY = "6B7280"
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def write_docx(transcript: Transcript, options: ExportOptions) -> bytes:
    """The title, a line of facts, and the paragraphs with their times and speakers."""
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
    for paragraph in paragraphs(transcript, joined=options.paragraphs):
        _add(document, paragraph, with_times=options.times is not False)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def _add(document: "Document", paragraph: Paragraph, *, with_times: bool) -> None:
    made = document.add_paragraph()
    if with_times:
        _add_grey(made, f"{format_duration(paragraph.start)}  ")
    if paragraph.speaker:
        made.add_run(f"{_text(paragraph.speaker)}: ").bold = True
    made.add_run(_text(paragraph.text))
    _set_direction(made, paragraph.text)


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


FORMAT = Format("docx", ".docx", WORD_TYPE, write_docx, is_text=False)
