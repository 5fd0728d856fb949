"""Paragraphs: the segments of a transcript joined as people read them, one speaker in each."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.transcript.sentences import ends_between
from whisper_appliance.transcript.typography import UNSPACED

PAUSE_SECONDS = 1.5
"""A pause that starts a new paragraph."""
LONG_CHARS = 700
"""After so many characters, the next sentence starts a new paragraph. One without spaces counts as two."""
LONGEST_CHARS = 2 * LONG_CHARS
"""After so many, the next segment starts a new paragraph, because some speech has no punctuation."""


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


def paragraph_starts(transcript: Transcript) -> list[int]:
    """The places of the segments that start a paragraph, in order.

    A paragraph ends at a long pause, at a change of speaker or channel, and when it is long at the end of a
    sentence.
    """
    segments = transcript.segments
    written = "en" if transcript.task == "translate" else ""
    starts = [0] if segments else []
    chars = 0
    for place, (last, segment) in enumerate(pairwise(segments), 1):
        chars += len(last.text) + len(UNSPACED.findall(last.text))
        language = written or last.language or transcript.language
        if _is_another_turn(last, segment) or _is_full(chars, last, segment, language):
            starts.append(place)
            chars = 0
    return starts


def paragraphs(transcript: Transcript, *, joined: bool = True) -> list[Paragraph]:
    """The paragraphs in order; one for each segment if they are not `joined`. None is empty."""
    segments = transcript.segments
    starts = paragraph_starts(transcript) if joined else range(len(segments))
    groups = (segments[start:stop] for start, stop in pairwise((*starts, len(segments))))
    made = (
        Paragraph(group[0].start, group[-1].end, clean(_text(group)), clean(group[0].speaker))
        for group in groups
    )
    return [paragraph for paragraph in made if paragraph.text]


def is_right_to_left(text: str) -> bool:
    """Whether the first letter of the text belongs to a script that is written from right to left."""
    classes = (unicodedata.bidirectional(character) for character in text)
    return next((each for each in classes if each in ("L", "R", "AL")), "L") != "L"


def _text(group: Sequence[Segment]) -> str:
    return "".join(segment.text for segment in group)


def _is_another_turn(last: Segment, segment: Segment) -> bool:
    pause = segment.start - last.end
    return (segment.speaker, segment.channel) != (last.speaker, last.channel) or pause >= PAUSE_SECONDS


def _is_full(chars: int, last: Segment, segment: Segment, language: str) -> bool:
    if chars < LONG_CHARS:
        return False
    return chars >= LONGEST_CHARS or ends_between(last.text, segment.text, language)
