"""Templates of paragraphs: a text with places such as {start}, {speaker} and {text}, which documents fill."""

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.paragraphs import Paragraph
from whisper_appliance.transcript.times import to_ms
from whisper_appliance.transcript.typography import UNPRINTABLE

Kind = Literal["literal", "time", "speaker", "text", "translation"]
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "start": "time",
        "end": "time",
        "start_full": "time",
        "end_full": "time",
        "speaker": "speaker",
        "text": "text",
        "translation": "translation",
    }
)
PLACE = re.compile(rf"\{{({'|'.join(KINDS)})\}}")
BRACKETS: Mapping[str, str] = MappingProxyType({"(": ")", "[": "]", "{": "}", "<": ">", "«": "»", "“": "”"})
SEPARATORS = " \n:,;.-–—|/·•>→»"


class Part(NamedTuple):
    """A part of a filled template."""

    kind: Kind
    text: str


def checked_template(template: str) -> str:
    """The template without control characters; empty for none.

    Raises `InvalidRequest` if it has no text, or a place twice, because documents would grow with each.
    """
    lines = template.replace("\r\n", "\n").replace("\t", " ").split("\n")
    cleaned = "\n".join(UNPRINTABLE.sub("", line) for line in lines)
    if not cleaned.strip():
        return ""
    if "{text}" not in cleaned:
        raise InvalidRequest("The template needs {place}, for the words.", place="{text}", field="template")
    for place, times in Counter(found.group() for found in PLACE.finditer(cleaned)).items():
        if times > 1:
            raise InvalidRequest("The template has {place} more than once.", place=place, field="template")
    return cleaned


def filled(template: str, paragraph: Paragraph) -> list[Part]:
    """The parts of a template for a paragraph, none of them empty; several lines have line breaks in them.

    Where a name or a translation is not known, its brackets or what divides it from the next place go too.
    """
    values = {
        "start": format_duration(paragraph.start),
        "end": format_duration(paragraph.end),
        "start_full": _full_time(paragraph.start),
        "end_full": _full_time(paragraph.end),
        "speaker": paragraph.speaker,
        "text": paragraph.text,
        "translation": paragraph.translation,
    }
    pieces = PLACE.split(template)  # by turns what is between the places, and the name of a place
    for place in range(1, len(pieces), 2):
        if not values[pieces[place]]:
            pieces[place - 1], pieces[place + 1] = _joined(pieces[place - 1], pieces[place + 1])
    parts = (
        Part(KINDS[piece], values[piece]) if at % 2 else Part("literal", piece)
        for at, piece in enumerate(pieces)
    )
    return [part for part in parts if part.text]


def filled_text(template: str, paragraph: Paragraph) -> str:
    """The filled template as plain text."""
    return "".join(part.text for part in filled(template, paragraph))


def _joined(before: str, after: str) -> tuple[str, str]:
    """What is before and behind a place that stays empty."""
    if before and after and BRACKETS.get(before[-1]) == after[0]:
        rest = after[1:].lstrip(" ")
        return (before[:-1] if rest else before[:-1].rstrip(" ")), rest
    if not after:
        return before.rstrip(SEPARATORS), ""
    return before, after.lstrip(SEPARATORS)


def _full_time(seconds: float) -> str:
    rest, milliseconds = divmod(to_ms(seconds), 1000)
    minutes, rest = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest:02}.{milliseconds:03}"
