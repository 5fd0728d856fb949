"""HTML: one page that needs nothing else, to read, print and send."""

from html import escape

from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.formats.format import ExportOptions, Format
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.paragraphs import Paragraph, paragraphs

STYLE = """
:root { color-scheme: light dark; }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere; }
header p, time { color: GrayText; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
time { margin-inline-end: 0.75em; }
p { overflow-wrap: anywhere; }
@media print { body { max-width: none; margin: 0; } p { orphans: 2; widows: 2; } }
"""


def write_html(transcript: Transcript, options: ExportOptions) -> str:
    """The page; the browser finds the direction of each paragraph."""
    title = escape(clean(options.title) or "Transcript")
    body = "\n".join(_paragraph(each, options) for each in paragraphs(transcript, joined=options.paragraphs))
    facts = " · ".join(filter(None, [escape(options.created[:10]), format_duration(transcript.duration)]))
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(transcript.language) or "und"}">\n<head>\n'
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1 dir="auto">{title}</h1>\n<p>{facts}</p>\n</header>\n{body}\n'
        "</main>\n</body>\n</html>\n"
    )


def _paragraph(paragraph: Paragraph, options: ExportOptions) -> str:
    seconds = f"PT{paragraph.start:.3f}S"
    shown = (
        ""
        if options.times is False
        else f'<time datetime="{seconds}">{format_duration(paragraph.start)}</time>'
    )
    name = f"<b>{escape(paragraph.speaker)}:</b> " if paragraph.speaker else ""
    direction = "rtl" if paragraph.is_right_to_left else "ltr"
    return f'<p dir="{direction}">{shown}{name}{escape(paragraph.text)}</p>'


FORMAT = Format("html", ".html", "text/html", write_html)
