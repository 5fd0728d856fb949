"""JSON transcripts: ours, those of Whisper, OpenAI's API and faster-whisper programs, and WhisperX."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.schema import Schema
from whisper_appliance.core.validation import problem_of
from whisper_appliance.transcript.chapters import Chapter
from whisper_appliance.transcript.imports.imported import (
    ImportedTranscript,
    check_number,
    check_times,
    code_of_language,
    spaced,
)
from whisper_appliance.transcript.line_breaking import clean
from whisper_appliance.transcript.model import Dropped, Note, Notice, Provenance, Segment, Transcript, Word

CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MAX_SPEAKER_CHARS = 200


def _without_surrogates(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_without_surrogates)]


class ImportedWord(Schema):
    """A word; WhisperX leaves out times that it did not find, and names probabilities `score`."""

    start: float | None = None
    end: float | None = None
    word: Text = Field(validation_alias=AliasChoices("word", "text"))
    probability: float | None = Field(None, validation_alias=AliasChoices("probability", "score"))


class ImportedSegment(Schema):
    """A segment with what at least one of the programs writes."""

    start: float
    end: float
    text: Text
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    compression_ratio: float = 0.0
    language: Text | None = None
    channel: int | None = None
    speaker: Text | int | None = None
    words: list[ImportedWord] | None = None


class ImportedNote(Schema):
    """A note, as our own export has it."""

    start: float = Field(ge=0, allow_inf_nan=False)
    text: Text
    author: Text | None = None


class ImportedChapter(Schema):
    """A chapter by hand, as our own export has it."""

    start: float = Field(ge=0, allow_inf_nan=False)
    title: Text = ""


class ImportedJson(Schema):
    """A whole file. Unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    segments: list[ImportedSegment]
    language: Text | None = None
    language_probability: float = 0.0
    duration: float | None = None
    model: Text = Field("", max_length=200)
    task: Text = Field("transcribe", pattern="^(transcribe|translate)$")
    processing_seconds: float = Field(0.0, ge=0)
    warnings: list[Notice] = Field([])
    dropped: list[Dropped] = Field([])
    provenance: Provenance | None = None
    extra: dict[str, Any] = Field({})
    title: Text = ""
    created: Text = ""
    notes: Any = None
    """Ours, or something else of another program, which is left out; so are chapters."""
    chapters: Any = None


def read(data: bytes) -> ImportedTranscript:
    """The transcript in a JSON file. Raises `InvalidRequest`."""
    try:
        given = ImportedJson.model_validate_json(data.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise _not_a_transcript(error) from None
    check_number(len(given.segments) or given.duration is not None)
    has_spaces = any(segment.text[:1].isspace() for segment in given.segments)
    segments = tuple(
        _segment(segment, number, str if has_spaces else spaced)
        for number, segment in enumerate(given.segments, 1)
    )
    duration = max([given.duration or 0.0, *(segment.end for segment in segments)])
    check_times(0.0, duration, len(segments))
    transcript = Transcript(
        segments,
        code_of_language(given.language),
        given.language_probability,
        duration,
        given.task,
        given.model,
        given.processing_seconds,
        tuple(given.warnings),
        tuple(given.dropped),
        given.provenance,
        {"imported": "json", **given.extra},
    )
    created = given.created if CREATED.fullmatch(given.created) else ""
    return ImportedTranscript(
        transcript, given.title, created, _notes(given.notes), _chapters(given.chapters)
    )


def _chapters(given: Any) -> tuple[Chapter, ...] | None:
    try:
        chapters = TypeAdapter(list[ImportedChapter] | None).validate_python(given)
    except ValidationError:
        return None
    return None if chapters is None else tuple(Chapter(each.start, each.title) for each in chapters)


def _notes(given: Any) -> tuple[Note, ...]:
    try:
        notes = TypeAdapter(list[ImportedNote]).validate_python(given or [])
    except ValidationError:
        return ()
    return tuple(Note(note.start, note.text, clean(note.author or "")) for note in notes)


def _segment(given: ImportedSegment, number: int, write: Callable[[str], str]) -> Segment:
    check_times(given.start, given.end, number)
    return Segment(
        given.start,
        given.end,
        write(given.text),
        given.avg_logprob,
        given.no_speech_prob,
        given.compression_ratio,
        words=_words(given),
        language=code_of_language(given.language),
        channel=given.channel,
        speaker=clean(str(given.speaker))[:MAX_SPEAKER_CHARS] if given.speaker is not None else "",
    )


def _words(given: ImportedSegment) -> tuple[Word, ...]:
    """The words with times inside the segment; a missing time is that of the word before."""
    at = given.start
    has_spaces = any(word.word[:1].isspace() for word in given.words or ())
    made: list[Word] = []
    for word in given.words or ():
        start = word.start if word.start is not None else at
        at = max(start, word.end if word.end is not None else start)
        probability = 1.0 if word.probability is None else min(max(word.probability, 0.0), 1.0)
        made.append(Word(start, at, word.word if has_spaces else spaced(word.word), probability))
    return tuple(made)


def _not_a_transcript(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "JSON"
    return InvalidRequest(
        "This is not a transcript as JSON: {where}: {problem}.",
        where=where[:100],
        problem=problem_of(first),
        field="file",
    )
