"""PDF, with fpdf2 and the fonts of this machine, of which the used characters are embedded."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.fonts import FOLDERS, ChosenFonts, choose_fonts
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.paragraph_template import filled_text
from whisper_appliance.transcript.paragraphs import Paragraph, is_right_to_left, paragraphs

if TYPE_CHECKING:
    from fpdf import FPDF

MARGIN_MM, LINE_MM, SIZE_POINTS = 20, 6, 11
GREY = 107
MOST_MISSING = 0.02
"""Share of the letters that may lack a font; each is shown as a replacement character."""
SHAPED = ("AL", "NSM", "R")
"""Bidirectional classes of characters that join, stack, or run from right to left."""


def write_pdf(transcript: Transcript, options: ExportOptions) -> bytes:
    """A4 pages with the title, the paragraphs with times and speakers, and page numbers.

    Raises `InvalidRequest` if the fonts of this machine lack the script of the transcript.
    """
    return write_pdf_with_fonts(transcript, options, FOLDERS)


def write_pdf_with_fonts(transcript: Transcript, options: ExportOptions, folders: Sequence[Path]) -> bytes:
    """The same, with the fonts in these folders."""
    shown = paragraphs(
        transcript, joined=options.paragraphs, chapters=options.chapters, beside=options.beside
    )
    title = clean(options.title) or "Transcript"
    words = (f"{each.speaker}{each.text}{each.translation}{''.join(each.chapters)}" for each in shown)
    text = "".join([title, options.template, *words])
    fonts = choose_fonts({*text, *"0123456789:·-/ "}, folders)
    _check(fonts, text)
    document = _document(fonts, text)
    document.set_title(title)
    document.add_page()
    _write_line(document, title, size=18, bold=True)
    document.set_text_color(GREY)
    facts = [options.created[:10], format_duration(transcript.duration)]
    _write_line(document, " · ".join(filter(None, facts)), size=9)
    for paragraph in shown:
        document.ln(2)
        _write_chapters(document, paragraph)
        _write(document, paragraph, options)
    return bytes(document.output())


def _check(fonts: ChosenFonts, text: str) -> None:
    lost = sum(character in fonts.missing for character in text)
    if not fonts.files or lost > MOST_MISSING * len(text):
        names = sorted({unicodedata.name(each, "?").split()[0].capitalize() for each in fonts.missing})
        raise InvalidRequest(
            "This machine has no font with these characters: {scripts}. Install one, for example the"
            " package fonts-noto-cjk or fonts-noto-core, or choose docx or html.",
            scripts=", ".join(names[:5]) or "?",
            field="format",
        )


def _document(fonts: ChosenFonts, text: str) -> "FPDF":
    from fpdf import FPDF  # only here, because it takes a while to import

    class NumberedPages(FPDF):
        """Pages with their number at the foot."""

        def footer(self) -> None:
            self.set_y(-15)
            self.set_font("text0", size=9)
            self.set_text_color(GREY)
            self.cell(0, 10, f"{self.page_no()}", align="C")

    document = NumberedPages(format="A4")
    document.set_margin(MARGIN_MM)
    document.set_auto_page_break(auto=True, margin=MARGIN_MM)
    for number, file in enumerate(fonts.files):
        document.add_font(f"text{number}", fname=file)
        document.add_font(f"text{number}", "B", (fonts.bold if number == 0 else None) or file)
    if len(fonts.files) > 1:
        document.set_fallback_fonts([f"text{n}" for n in range(1, len(fonts.files))], exact_match=False)
    if any(_is_shaped(each) for each in set(text)):
        document.set_text_shaping(True)
    return document


def _is_shaped(character: str) -> bool:
    return unicodedata.bidirectional(character) in SHAPED or unicodedata.category(character) in ("Mn", "Mc")


def _write_chapters(document: "FPDF", paragraph: Paragraph) -> None:
    for chapter in paragraph.chapters:
        document.set_text_color(0)
        document.ln(4)
        _write_line(document, chapter, size=14, bold=True)
        document.ln(1)


def _write(document: "FPDF", paragraph: Paragraph, options: ExportOptions) -> None:
    head = [] if options.times is False else [format_duration(paragraph.start)]
    if paragraph.speaker:
        head.append(paragraph.speaker)
    if head and not options.template:
        document.set_text_color(GREY)
        _write_line(document, " · ".join(head), size=9, bold=bool(paragraph.speaker))
    document.set_text_color(0)
    text = filled_text(options.template, paragraph) if options.template else paragraph.text
    _write_line(document, text, size=SIZE_POINTS)
    if paragraph.translation and not options.template_has_translation:
        document.set_text_color(GREY)
        _write_line(document, paragraph.translation, size=SIZE_POINTS)


def _write_line(document: "FPDF", text: str, *, size: int, bold: bool = False) -> None:
    from fpdf.enums import WrapMode

    document.set_font("text0", "B" if bold else "", size)
    has_spaces = " " in text
    document.multi_cell(
        0,
        size / SIZE_POINTS * LINE_MM,
        text,
        align="R" if is_right_to_left(text) else "L",
        wrapmode=WrapMode.WORD if has_spaces else WrapMode.CHAR,
        new_x="LMARGIN",
        new_y="NEXT",
    )


FORMAT = Format("pdf", ".pdf", "application/pdf", write_pdf, is_text=False, has_template=True)
