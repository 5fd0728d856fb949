"""The tools that read the library: search, list recordings, and read a span of a transcript."""

import re
from itertools import islice
from typing import Literal

from pydantic import Field

from whisper_appliance.api.mcp.citations import clock, link_to
from whisper_appliance.api.mcp.tools import Arguments, Caller, Tool, ToolResult
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.core.search_terms import fold
from whisper_appliance.library.listing import ListFilter, ListRange
from whisper_appliance.library.search_words import search_words
from whisper_appliance.library.transcript_rows import TranscriptSummary
from whisper_appliance.transcript.model import Segment
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.auth.resources import authorized_transcript
from whisper_appliance.web.context import appliance

MAX_SPAN_CHARS = 20_000
MAX_PASSAGES = 3
RECORDING = Field(pattern=ID_REGEX, description="Id of the recording, from another tool.")


class SearchArguments(Arguments):
    """What to search for."""

    query: str = Field(
        min_length=1,
        max_length=500,
        description="Words that must all occur in a recording; the last one may be the beginning of a word.",
    )
    sort: Literal["relevance", "newest", "oldest"] = Field(
        "relevance", description="Which recordings come first: those with the most of the words, or by date."
    )
    limit: int = Field(10, ge=1, le=50, description="Most recordings in the answer.")
    cursor: str | None = Field(
        None, max_length=20, pattern=r"^\d+$", description="`next` of the answer before."
    )


class Passage(Schema):
    """A place where words were found."""

    recording: str
    title: str
    start_seconds: float = Field(description="The second of the recording at which the words begin.")
    text: str
    link: str = Field(description="Opens the recording at that second.")


class SearchResult(ToolResult):
    """The passages of the recordings, in the order that `sort` names."""

    passages: list[Passage]
    next: str | None = Field(None, description="The cursor of the next part.")

    def to_text(self) -> str:
        if not self.passages:
            return "No recording has these words."
        lines = [
            f'"{each.title}" at {clock(each.start_seconds)}: {each.text} ({each.link})'
            for each in self.passages
        ]
        return "\n".join([*lines, *_more(self.next)])


class ListArguments(Arguments):
    """Which recordings to list."""

    limit: int = Field(20, ge=1, le=100, description="Most recordings in the answer.")
    cursor: str | None = Field(None, max_length=100, description="`next` of the answer before.")


class ListedRecording(Schema):
    """A recording, without its words."""

    recording: str
    title: str
    created: str
    language: str
    duration_seconds: float
    beginning: str = Field(description="The first words.")
    link: str


class RecordingList(ToolResult):
    """Recordings, newest first."""

    recordings: list[ListedRecording]
    next: str | None = Field(None, description="The cursor of the next part.")

    def to_text(self) -> str:
        if not self.recordings:
            return "There are no recordings."
        lines = [
            f'{each.recording} "{each.title}", {each.created}, {clock(each.duration_seconds)}, '
            f"{each.language}: {each.beginning} ({each.link})"
            for each in self.recordings
        ]
        return "\n".join([*lines, *_more(self.next)])


class ReadArguments(Arguments):
    """Which span to read."""

    recording: str = RECORDING
    start_seconds: float = Field(0, ge=0, le=1e6, description="Where the span begins.")
    end_seconds: float | None = Field(
        None, ge=0, le=1e6, description="Where it ends; the end of the recording."
    )


class SpokenSegment(Schema):
    """A phrase; times in seconds of the recording."""

    start_seconds: float
    end_seconds: float
    text: str
    speaker: str | None = None
    link: str


class Span(ToolResult):
    """A span of a transcript."""

    recording: str
    title: str
    created: str
    language: str
    duration_seconds: float
    segments: list[SpokenSegment]
    next_start_seconds: float | None = Field(None, description="Where to go on; the answer was too long.")

    def to_text(self) -> str:
        head = f'"{self.title}", {self.created}, {clock(self.duration_seconds)} ({link_to(self.recording)})'
        lines = [
            f"[{clock(each.start_seconds)}] {f'{each.speaker}: ' if each.speaker else ''}{each.text} "
            f"({each.link})"
            for each in self.segments
        ]
        more = self.next_start_seconds
        last = [] if more is None else [f"It goes on at start_seconds {more}."]
        return "\n".join([head, *(lines or ["Nothing is said in this span."]), *last])


def search(caller: Caller, arguments: SearchArguments) -> SearchResult:
    """Searches the recordings of the user, and those that others shared with the user."""
    require("read")
    words, offset = arguments.query, int(arguments.cursor or 0)
    part = ListRange(arguments.limit, offset)
    found = appliance().listing.find(
        caller.actor.owner, ListFilter(words, shared="too"), sort=arguments.sort, part=part
    )
    passages = [passage for each in found.transcripts for passage in _passages(each.summary, words)]
    following = offset + len(found.transcripts)
    return SearchResult(passages=passages, next=str(following) if following < found.total else None)


def list_recordings(caller: Caller, arguments: ListArguments) -> RecordingList:
    """Lists the recordings of the user, and those that others shared with the user."""
    require("read")
    part = ListRange(arguments.limit, cursor=arguments.cursor)
    found = appliance().listing.find(caller.actor.owner, ListFilter(shared="too"), part=part)
    listed = [_recording(each.summary) for each in found.transcripts]
    return RecordingList(recordings=listed, next=found.next_cursor)


def read_transcript(_caller: Caller, arguments: ReadArguments) -> Span:
    """Reads a span of a transcript that the user may read."""
    require("read")
    end = arguments.end_seconds
    if end is not None and end < arguments.start_seconds:
        raise InvalidRequest("end_seconds is before start_seconds.", field="end_seconds")
    summary = authorized_transcript(arguments.recording, "read")
    stored = appliance().transcripts.get(summary.id, summary.owner)
    inside = [
        segment
        for segment in stored.transcript.segments
        if segment.end > arguments.start_seconds and (end is None or segment.start < end)
    ]
    taken = _first_chars(inside)
    following = next(islice(inside, taken, None), None)
    return Span(
        recording=summary.id,
        title=stored.summary.title,
        created=summary.created,
        language=summary.language,
        duration_seconds=round(summary.duration, 2),
        segments=[_spoken(summary.id, segment) for segment in inside[:taken]],
        next_start_seconds=None if following is None else following.start,
    )


def _first_chars(segments: list[Segment]) -> int:
    """How many segments have up to `MAX_SPAN_CHARS` characters; one at least."""
    chars = 0
    for number, segment in enumerate(segments):
        chars += len(segment.text)
        if chars > MAX_SPAN_CHARS and number:
            return number
    return len(segments)


def _spoken(recording: str, segment: Segment) -> SpokenSegment:
    return SpokenSegment(
        start_seconds=round(segment.start, 2),
        end_seconds=round(segment.end, 2),
        text=segment.text.strip(),
        speaker=segment.speaker or None,
        link=link_to(recording, segment.start),
    )


def _passages(summary: TranscriptSummary, words: str) -> list[Passage]:
    """The segments with the most of the words, in order; the beginning if only the title has them."""
    patterns = [re.compile(word.pattern) for word in search_words(words)]
    segments = appliance().transcripts.get(summary.id, summary.owner).transcript.segments
    folded = [(fold(segment.text), segment) for segment in segments]
    counted = [(sum(bool(each.search(text)) for each in patterns), segment) for text, segment in folded]
    best = sorted((each for each in counted if each[0]), key=lambda each: -each[0])[:MAX_PASSAGES]
    found = sorted((segment.start, segment.text) for _, segment in best)
    return [
        Passage(
            recording=summary.id,
            title=summary.title,
            start_seconds=round(start, 2),
            text=" ".join(text.split()),
            link=link_to(summary.id, start),
        )
        for start, text in found or [(0.0, summary.preview)]
    ]


def _more(cursor: str | None) -> list[str]:
    return [f"There are more: cursor {cursor}"] if cursor else []


def _recording(summary: TranscriptSummary) -> ListedRecording:
    return ListedRecording(
        recording=summary.id,
        title=summary.title,
        created=summary.created,
        language=summary.language,
        duration_seconds=round(summary.duration, 2),
        beginning=summary.preview,
        link=link_to(summary.id),
    )


TOOLS = (
    Tool(
        "search",
        "Search recordings",
        "Finds the passages in which words are said, in all transcribed recordings that the user may read. "
        "Each has its recording, the second, and a link to that second: cite them.",
        SearchArguments,
        SearchResult,
        search,
    ),
    Tool(
        "list_recordings",
        "List recordings",
        "Lists the recordings that the user may read, the newest first, with titles, dates and lengths.",
        ListArguments,
        RecordingList,
        list_recordings,
    ),
    Tool(
        "read_transcript",
        "Read a transcript",
        "Reads what is said in a recording, or in a span of it, phrase by phrase. Each phrase has its second "
        "and a link to it: cite them.",
        ReadArguments,
        Span,
        read_transcript,
    ),
)
