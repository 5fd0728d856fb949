"""Paragraphs: the segments of a transcript joined as people read them, one speaker in each."""

import unicodedata
from dataclasses import dataclass

from whisper_appliance.transcript import typography
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Segment, Transcript

PAUSE_SECONDS = 1.5
"""A pause that starts a new paragraph."""
LONG_CHARS = 700
"""After so many characters, the next sentence starts a new paragraph."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What one speaker says without a long pause. Times in seconds of the original file."""

    start: float
    end: float
    text: str
    speaker: str = ""

    @property
    def is_right_to_left(self) -> bool:
        """Whether its first letter belongs to a script that is written from right to left."""
        return is_right_to_left(self.text)


def paragraphs(transcript: Transcript, *, joined: bool = True) -> list[Paragraph]:
    """The paragraphs in order; one for each segment if they are not `joined`."""
    groups: list[list[Segment]] = []
    for segment in transcript.segments:
        if joined and groups and not _starts_anew(groups[-1], segment):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    made = (
        Paragraph(group[0].start, group[-1].end, clean(_text(group)), clean(group[0].speaker))
        for group in groups
    )
    return [paragraph for paragraph in made if paragraph.text]


def is_right_to_left(text: str) -> bool:
    """Whether the first letter of the text belongs to a script that is written from right to left."""
    classes = (unicodedata.bidirectional(character) for character in text)
    return next((each for each in classes if each in ("L", "R", "AL")), "L") != "L"


def _text(group: list[Segment]) -> str:
    return "".join(segment.text for segment in group)


def _starts_anew(group: list[Segment], segment: Segment) -> bool:
    last = group[-1]
    if segment.speaker != last.speaker or segment.start - last.end >= PAUSE_SECONDS:
        return True
    is_long = sum(len(each.text) for each in group) >= LONG_CHARS
    return is_long and last.text.rstrip(typography.CLOSING + " ").endswith(typography.SENTENCE_ENDS)
