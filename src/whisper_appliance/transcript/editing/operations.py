"""The operations that correct a transcript: each changes some of its segments, which have keys."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.core.ids import new_id
from whisper_appliance.core.text import one_line
from whisper_appliance.transcript.editing.word_times import CERTAIN, cut, retimed, spaced, timed_words
from whisper_appliance.transcript.model import Segment, Transcript, Word
from whisper_appliance.transcript.times import with_valid_times

MAX_TEXT_CHARS = 10_000
MAX_SPEAKER_CHARS = 100
MAX_SEGMENTS = 50_000
MAX_OPERATIONS = 5_000
MAX_SECONDS = 1e7

KEY_PATTERN = "^[0-9a-z]{1,32}$"
Key = Annotated[str, Field(pattern=KEY_PATTERN, description="`key` of a segment.")]
NewKey = Annotated[
    str, Field(pattern="^[0-9a-z]{0,32}$", description="`key` of the new segment; empty: one is made.")
]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]
Speaker = Annotated[
    str, Field(max_length=MAX_SPEAKER_CHARS, description="Name or label; empty: nobody is named.")
]
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class ReplaceText:
    """Gives a segment another text. An empty text deletes the segment."""

    op: Literal["replace_text"]
    segment: Key
    text: Text


@dataclass(frozen=True, slots=True)
class ReplaceWord:
    """Gives one word of a segment another text, of no or several words."""

    op: Literal["replace_word"]
    segment: Key
    word: Annotated[int, Field(ge=0, description="Its place in the text, from 0, counted by spaces.")]
    text: Text


@dataclass(frozen=True, slots=True)
class Split:
    """Splits a segment in two."""

    op: Literal["split"]
    segment: Key
    at: Annotated[int, Field(gt=0, description="Characters of the text before the split.")]
    new: NewKey = ""


@dataclass(frozen=True, slots=True)
class Merge:
    """Joins two neighbours; the first keeps its key and its speaker."""

    op: Literal["merge"]
    segment: Key
    following: Key


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its times in seconds, leading space included."""

    start: Seconds
    end: Seconds
    word: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]
    probability: Annotated[float, Field(ge=0, le=1)] = CERTAIN


@dataclass(frozen=True, slots=True)
class Insert:
    """Adds a segment. Without times it takes the gap after the segment before it."""

    op: Literal["insert"]
    after: Annotated[
        str, Field(pattern="^[0-9a-z]{0,32}$", description="`key` of the segment before; empty: none.")
    ]
    text: Text
    start: Seconds | None = None
    end: Seconds | None = None
    speaker: Speaker = ""
    new: NewKey = ""
    words: Annotated[
        tuple[TimedWord, ...],
        Field(
            max_length=MAX_TEXT_CHARS,
            description="The words of the text with their times, if they are known.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes segments."""

    op: Literal["delete"]
    segments: Annotated[list[Key], Field(max_length=MAX_SEGMENTS)]


@dataclass(frozen=True, slots=True)
class SetTimes:
    """Moves a segment in time, with its words."""

    op: Literal["set_times"]
    segment: Key
    start: Seconds
    end: Seconds


@dataclass(frozen=True, slots=True)
class SetSpeaker:
    """Names who speaks in some segments."""

    op: Literal["set_speaker"]
    segments: Annotated[list[Key], Field(max_length=MAX_SEGMENTS)]
    speaker: Speaker


@dataclass(frozen=True, slots=True)
class RenameSpeaker:
    """Renames a speaker in all segments; the name of another speaker joins the two."""

    op: Literal["rename_speaker"]
    speaker: Annotated[Speaker, Field(min_length=1)]
    name: Speaker


Operation = (
    ReplaceText | ReplaceWord | Split | Merge | Insert | Delete | SetTimes | SetSpeaker | RenameSpeaker
)


def keyed(transcript: Transcript) -> Transcript:
    """The transcript with valid times, and a key for each segment: its place, where it has none."""
    transcript = with_valid_times(transcript)
    segments = (
        segment if segment.key else replace(segment, key=str(place))
        for place, segment in enumerate(transcript.segments)
    )
    return replace(transcript, segments=tuple(segments))


def keys_of(operations: Iterable[Operation]) -> set[str]:
    """The keys of the segments that the operations name."""
    found: set[str] = set()
    for each in operations:
        match each:
            case Delete() | SetSpeaker():
                found.update(each.segments)
            case Merge():
                found |= {each.segment, each.following}
            case Insert():
                found |= {each.after} - {""}
            case RenameSpeaker():
                pass
            case _:
                found.add(each.segment)
    return found


def edited(transcript: Transcript, operations: Sequence[Operation]) -> Transcript:
    """The transcript (from `keyed`) after the operations, with valid times.

    Raises `NotFound` for a segment that is not there, `InvalidRequest` for an operation that cannot be done.
    """
    editor = _Editor(transcript)
    for each in operations:
        editor.apply(each)
    if len(editor.segments) > MAX_SEGMENTS:
        raise InvalidRequest(
            "A transcript has {max_segments} segments at most.", field="operations", max_segments=MAX_SEGMENTS
        )
    return with_valid_times(replace(transcript, segments=tuple(editor.segments)))


class _Editor:
    """Applies operations one after the other to a list of segments."""

    def __init__(self, transcript: Transcript) -> None:
        self.segments = list(transcript.segments)
        self._duration = transcript.duration

    def apply(self, operation: Operation) -> None:
        match operation:
            case ReplaceText():
                self._replace_text(operation.segment, operation.text)
            case ReplaceWord():
                self._replace_word(operation)
            case Split():
                self._split(operation)
            case Merge():
                self._merge(operation)
            case Insert():
                self._insert(operation)
            case SetTimes():
                self._set_times(operation)
            case Delete():
                keys = self._existing(operation.segments)
                self.segments = [each for each in self.segments if each.key not in keys]
            case SetSpeaker():
                self._name_speaker(self._existing(operation.segments), operation.speaker)
            case RenameSpeaker():
                named = {each.key for each in self.segments if each.speaker == operation.speaker}
                self._name_speaker(named, operation.name)

    def _place(self, key: str) -> int:
        for place, segment in enumerate(self.segments):
            if segment.key == key:
                return place
        raise _no_segment(key)

    def _existing(self, keys: Iterable[str]) -> set[str]:
        wanted = set(keys)
        if missing := wanted - {segment.key for segment in self.segments}:
            raise _no_segment(min(missing))
        return wanted

    def _replace_text(self, key: str, text: str) -> None:
        place, text = self._place(key), one_line(text)
        if text:
            self.segments[place] = retimed(self.segments[place], text)
        else:
            del self.segments[place]

    def _replace_word(self, operation: ReplaceWord) -> None:
        words = self.segments[self._place(operation.segment)].text.split()
        if operation.word >= len(words):
            raise InvalidRequest("This segment has no such word.", field="word")
        words[operation.word] = operation.text
        text = " ".join(words)
        if len(text) > MAX_TEXT_CHARS:
            raise _too_long()
        self._replace_text(operation.segment, text)

    def _split(self, operation: Split) -> None:
        place = self._place(operation.segment)
        whole = self.segments[place]
        margin = len(whole.text) - len(whole.text.lstrip())
        at = margin + operation.at
        first, second = whole.text[:at].rstrip(), whole.text[at:].strip()
        if not first.strip() or not second:
            raise InvalidRequest("Split between two characters of the text, not at its ends.", field="at")
        words = timed_words(whole)
        before, after = cut(words, 0, at), cut(words, at, len(whole.text))
        kept = replace(whole, end=before[-1].end, words=before if whole.words else (), tokens=())
        new = replace(kept, key=self._new_key(operation.new), start=after[0].start, end=whole.end)
        new = replace(new, words=after if whole.words else ())
        self.segments[place : place + 1] = [retimed(kept, first), retimed(new, second)]

    def _merge(self, operation: Merge) -> None:
        place = self._place(operation.segment)
        if self._place(operation.following) != place + 1:
            raise InvalidRequest("Only neighbours can be joined.", field="following")
        first, second = self.segments[place], self.segments[place + 1]
        text = spaced(first.text) + spaced(second.text)
        if len(text) > MAX_TEXT_CHARS:
            raise _too_long()
        words = (*timed_words(first), *timed_words(second)) if first.words or second.words else ()
        joined = replace(first, end=max(first.end, second.end), text=text, words=words, tokens=())
        self.segments[place : place + 2] = [retimed(joined, text)]

    def _insert(self, operation: Insert) -> None:
        place = self._place(operation.after) + 1 if operation.after else 0
        text = one_line(operation.text)
        if not text:
            raise InvalidRequest("Write the words of the new segment.", field="text")
        before, after = self.segments[place - 1 : place] if place else [], self.segments[place : place + 1]
        start = operation.start if operation.start is not None else before[0].end if before else 0.0
        gap_end = after[0].start if after else self._duration
        end = operation.end if operation.end is not None else max(start, gap_end)
        self._check_times(place, start, end)
        new = Segment(
            start,
            end,
            spaced(text),
            language=before[0].language if before else "",
            speaker=one_line(operation.speaker),
            key=self._new_key(operation.new),
            words=tuple(Word(each.start, each.end, each.word, each.probability) for each in operation.words),
        )
        self.segments.insert(place, new)

    def _set_times(self, operation: SetTimes) -> None:
        place = self._place(operation.segment)
        was = self.segments.pop(place)
        self._check_times(place, operation.start, operation.end)
        scale = (operation.end - operation.start) / (was.end - was.start) if was.end > was.start else 0.0

        def moved(seconds: float) -> float:
            return operation.start + (seconds - was.start) * scale

        words = tuple(replace(each, start=moved(each.start), end=moved(each.end)) for each in was.words)
        self.segments.insert(place, replace(was, start=operation.start, end=operation.end, words=words))

    def _check_times(self, place: int, start: float, end: float) -> None:
        """Checks the times of a segment that is inserted at a place."""
        if end < start:
            raise InvalidRequest("A segment ends after it begins.", field="end")
        if end > self._duration + 0.001:
            raise InvalidRequest("This time is after the end of the recording.", field="end")
        too_early = place > 0 and start < self.segments[place - 1].start
        if too_early or (place < len(self.segments) and start > self.segments[place].start):
            raise InvalidRequest("A segment begins between its neighbours.", field="start")

    def _name_speaker(self, keys: set[str], speaker: str) -> None:
        name = one_line(speaker)
        self.segments = [replace(each, speaker=name) if each.key in keys else each for each in self.segments]

    def _new_key(self, wanted: str) -> str:
        if any(segment.key == wanted for segment in self.segments):
            raise InvalidRequest("There is a segment with this key already.", field="new")
        return wanted or new_id()


def _no_segment(key: str) -> NotFound:
    return NotFound("There is no segment {key} in this transcript.", field="segment", key=key)


def _too_long() -> InvalidRequest:
    return InvalidRequest(
        "The text of a segment has {max_text_chars} characters at most.",
        field="text",
        max_text_chars=MAX_TEXT_CHARS,
    )
