"""Paragraphs: the segments of a transcript joined as people read them, one speaker in each."""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from whisper_appliance.transcript.chapters import Chapter, chapter_place, chapter_title
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Note, Segment, Transcript
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
    chapters: tuple[str, ...] = ()
    """Titles of the chapters that begin with it."""
    translation: str = ""
    """What stands beside it in another language."""

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


def paragraphs(
    transcript: Transcript,
    *,
    joined: bool = True,
    chapters: Sequence[Chapter] | None = None,
    beside: Sequence[str] = (),
) -> list[Paragraph]:
    """The paragraphs in order; one for each segment if they are not `joined`. None is empty.

    A chapter begins a new paragraph. `beside` are the lines of a translation, one for each segment, or none.
    """
    segments = transcript.segments
    titles: dict[int, list[str]] = {}
    for chapter in chapters or () if segments else ():
        place = chapter_place(segments, chapter.start)
        titles.setdefault(place, []).append(clean(chapter_title(segments, chapter)))
    starts = sorted({*paragraph_starts(transcript), *titles}) if joined else range(len(segments))
    made: list[Paragraph] = []
    waiting: list[str] = []
    for start, stop in pairwise((*starts, len(segments))):
        group = segments[start:stop]
        waiting += filter(None, titles.get(start, ()))
        if text := clean(_text(group)):
            speaker = clean(group[0].speaker)
            translated = " ".join(filter(None, beside[start:stop]))
            named = tuple(waiting)
            made.append(Paragraph(group[0].start, group[-1].end, text, speaker, named, translated))
            waiting = []
    return made


ParagraphWithNotes = tuple[Paragraph, tuple[Note, ...]]


def with_notes(shown: Sequence[Paragraph], notes: Sequence[Note]) -> list[ParagraphWithNotes]:
    """Each paragraph with the notes up to the next one; the first has those before it, too."""
    if notes and not shown:
        shown = [Paragraph(notes[0].start, notes[0].start, "")]
    starts = [0.0, *(paragraph.start for paragraph in shown[1:])]
    places = [max(0, bisect_right(starts, note.start) - 1) for note in notes]
    return [
        (paragraph, tuple(note for note, at in zip(notes, places, strict=True) if at == place))
        for place, paragraph in enumerate(shown)
    ]


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
