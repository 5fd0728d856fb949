"""HTML: one page that needs nothing else, to read, print and send."""

from html import escape

from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.beside import language_of
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Note, Transcript
from whisper_appliance.transcript.paragraph_template import Part, filled
from whisper_appliance.transcript.paragraphs import Paragraph, paragraphs, with_notes

STYLE = """
:root { color-scheme: light dark; }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; line-height: 1.3; margin-top: 2rem; overflow-wrap: anywhere; }
header p, time, p > small { color: GrayText; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
time { margin-inline-end: 0.75em; }
p { overflow-wrap: anywhere; }
aside { margin: 0 0 1rem 1rem; padding-inline-start: 0.75rem; border-inline-start: 3px solid GrayText; }
.pair { display: grid; gap: 0 1.5rem; }
.pair > p:last-child { margin-top: 0; padding-inline-start: 0.75rem; border-inline-start: 2px solid; }
@media (min-width: 56rem) {
  body:has(.pair) { max-width: 76rem; }
  .pair { grid-template-columns: 1fr 1fr; }
  .pair > p:last-child { margin-top: 1em; padding: 0; border: 0; }
}
@media print { body { max-width: none; margin: 0; } p { orphans: 2; widows: 2; } }
"""


def write_html(transcript: Transcript, options: ExportOptions) -> str:
    """The page; the browser finds the direction of each paragraph."""
    title = escape(clean(options.title) or "Transcript")
    read = paragraphs(transcript, joined=options.paragraphs, chapters=options.chapters, beside=options.beside)
    shown = with_notes(read, options.notes)
    body = "\n".join(
        "\n".join([_paragraph(paragraph, options), *map(_note, notes)]) for paragraph, notes in shown
    )
    facts = " · ".join(filter(None, [escape(options.created[:10]), format_duration(transcript.duration)]))
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(transcript.language) or "und"}">\n<head>\n'
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1 dir="auto">{title}</h1>\n<p>{facts}</p>\n</header>\n{body}\n'
        "</main>\n</body>\n</html>\n"
    )


def _paragraph(paragraph: Paragraph, options: ExportOptions) -> str:
    direction = "rtl" if paragraph.is_right_to_left else "ltr"
    headings = "".join(f'<h2 dir="auto">{escape(chapter)}</h2>\n' for chapter in paragraph.chapters)
    original = f'<p dir="{direction}">{_line(paragraph, options)}</p>'
    if not options.translation or options.template_has_translation:
        return f"{headings}{original}"
    language = language_of(options.translation)
    translated = f'<p lang="{language}" dir="auto">{escape(paragraph.translation)}</p>'
    return f'{headings}<div class="pair">{original}{translated}</div>'


def _line(paragraph: Paragraph, options: ExportOptions) -> str:
    if options.template:
        parts = (_element(part) for part in filled(options.template, paragraph))
        return "".join(parts)
    seconds = f"PT{paragraph.start:.3f}S"
    shown = f'<time datetime="{seconds}">{format_duration(paragraph.start)}</time>'
    name = f"<b>{escape(paragraph.speaker)}:</b> " if paragraph.speaker else ""
    return f"{'' if options.times is False else shown}{name}{escape(paragraph.text)}"


def _element(part: Part) -> str:
    text = escape(part.text).replace("\n", "<br>")
    kinds = {"time": "<small>{}</small>", "speaker": "<b>{}</b>", "translation": '<i dir="auto">{}</i>'}
    return kinds.get(part.kind, "{}").replace("{}", text)


def _note(note: Note) -> str:
    author = f"<b>{escape(clean(note.author))}</b> " if clean(note.author) else ""
    lines = "<br>".join(escape(clean(line)) for line in note.text.splitlines())
    time = f'<time datetime="PT{note.start:.3f}S">{format_duration(note.start)}</time>'
    return f'<aside>{author}{time}<p dir="auto">{lines}</p></aside>'


FORMAT = Format("html", ".html", "text/html", write_html, has_template=True)
