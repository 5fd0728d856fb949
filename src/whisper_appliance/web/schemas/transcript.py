"""The schemas of transcripts, jobs, models, health and status."""

from typing import Any, Literal

from pydantic import Field

from whisper_appliance.core.schema import RootSchema, Schema
from whisper_appliance.library.recordings import KeptRecording
from whisper_appliance.monitoring.status_types import Health, ModelState, Status
from whisper_appliance.web.schemas.chapters import ChaptersResponse
from whisper_appliance.web.schemas.notes import NoteResponse

UtcTime = Field(description="UTC, ISO 8601.", examples=["2026-03-01T09:30:00Z"])
Seconds = Field(description="Seconds of the original file.")


class WordResponse(Schema):
    """One word, with its leading space."""

    start: float = Seconds
    end: float = Seconds
    word: str
    probability: float = Field(ge=0, le=1)


class SegmentBody(Schema):
    """A phrase, without its place."""

    start: float = Seconds
    end: float = Seconds
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    language: str | None = Field(None, description="Code of its own language, where it was detected.")
    channel: int | None = Field(None, description="Its channel, from 1, with `channels=separate`.")
    speaker: str | None = Field(None, description="Name or label of who speaks, where that is known.")
    words: list[WordResponse] = Field([], description="Only with `word_timestamps`.")
    translation: str | None = Field(None, description="Its translation, with `translation=beside`.")


class SegmentResponse(SegmentBody):
    """A phrase."""

    id: int = Field(description="Its place, from 0.")
    key: str = Field(description="Names it for edits; it stays the same when others come before it.")


class NoticeResponse(Schema):
    """Something the reader should know."""

    code: str
    message: str


class DroppedResponse(Schema):
    """Text that was left out as invented, and why."""

    start: float = Seconds
    end: float = Seconds
    text: str
    reason: str


class RecordingResponse(Schema):
    """The recording of a transcript, where it is kept."""

    media_type: str = Field(
        description="Under which browsers play it; empty if they cannot.", examples=["audio/mpeg"]
    )
    bytes: int = Field(description="Stored bytes, with a copy to play and the waveform.")
    delete_at: str | None = Field(
        None, description="When it is deleted (UTC, ISO 8601); null: with its transcript."
    )


def recording_response(kept: KeptRecording | None) -> dict[str, Any] | None:
    """The kept recording of a transcript as JSON; None if it is not kept."""
    if kept is None:
        return None
    shown = RecordingResponse(media_type=kept.media_type, bytes=kept.bytes, delete_at=kept.delete_at)
    return shown.model_dump()


class TranscriptResponse(Schema):
    """What was said, and how it came to be known."""

    id: str
    title: str
    created: str = UtcTime
    text: str
    language: str
    languages: list[str] = Field(description="All languages that are spoken, the most spoken one first.")
    language_probability: float
    duration: float = Field(description="Seconds.")
    model: str
    task: Literal["transcribe", "translate"]
    processing_seconds: float
    segments: list[SegmentResponse]
    paragraphs: list[int] = Field([], description="Places of the segments that start a paragraph.")
    warnings: list[NoticeResponse]
    dropped: list[DroppedResponse]
    provenance: dict[str, object] | None = Field(
        None, description="Enough to make the transcript again; `tracks`: the one taken, of how many."
    )
    recording: RecordingResponse | None = Field(None, description="null: not kept.")
    revision: int = Field(0, description="How often its text was changed; edits send it in If-Match.")
    access: Literal["own", "edit", "comment", "read"] = Field(
        "own",
        description="Somebody shared it: to read and export, to write notes too, or to edit as well.",
    )
    chapters: ChaptersResponse | None = Field(None, description="Not in a download.")
    notes: list[NoteResponse] = Field([], description="Notes of all who may comment, by their seconds.")


class SearchHitResponse(Schema):
    """A place in a transcript where words of a search were found."""

    start: float = Field(description="Second of the recording at which the words are said.")
    pieces: list[str] = Field(description="The text around it: every second piece is one of the words.")
    note: str | None = Field(None, description="Id of the note that has them; null: they were said.")


class TranscriptSummaryResponse(Schema):
    """A transcript in a list."""

    id: str
    title: str
    created: str = UtcTime
    language: str
    duration: float
    model: str
    source: str = Field("upload", description="How the recording came here.")
    doubtful_words: int = Field(0, description="Words that the model is not sure of.")
    favourite: bool = Field(False, description="Whether its owner marked it.")
    folder: str | None = Field(None, description="Id of the folder that it is in.")
    tags: list[str] = Field(default=[], description="Names of its tags.")
    excerpt: str
    deleted: str | None = Field(None, description="When it was put in the trash.")
    found: list[str] | None = Field(
        None, description="Where the words of `q` were found: every second piece is one of them."
    )
    hits: list[SearchHitResponse] | None = Field(None, description="The first places with words of `q`.")
    hit_count: int | None = Field(None, description="How often the words of `q` are said.")
    is_shared: bool = Field(
        False, description="Whether it is somebody else's, who shared it with the caller."
    )
    shared_by: str | None = Field(None, description="Name of its owner, if it is shared.")


class TranscriptListResponse(Schema):
    """A part of a list of transcripts."""

    transcripts: list[TranscriptSummaryResponse]
    next: str | None = Field(None, description="`cursor` of the next page; null on the last one.")
    total: int = Field(description="How many there are in the whole list; with `cursor`, how many behind it.")
    more: bool = Field(False, description="Whether the search ended at its first 1,000 matches.")
    suggestion: str | None = Field(None, description="Another spelling of `q`, if nothing has its words.")


class JobErrorResponse(Schema):
    """Why a job failed."""

    code: str
    message: str


class JobResponse(Schema):
    """Work that waits, runs or ended."""

    id: str
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1)
    seconds_left: int | None = Field(
        None, description="Estimated time until it ends, the queue included; null while it is not known."
    )
    position: int | None = Field(
        None, description="1 starts next. Null if it does not wait, is paused or was postponed."
    )
    own_place: int | None = Field(None, description="Place among the owner's waiting jobs, from 1.")
    paused: bool = Field(False, description="Whether it waits because its owner paused the queue.")
    batch: bool = Field(
        False,
        description="Whether it comes after the recordings that somebody sent, as files of a folder do.",
    )
    error: JobErrorResponse | None = None
    waiting: JobErrorResponse | None = Field(
        None, description="Why a queued job was postponed; it is retried by itself."
    )
    can_retry: bool = Field(False, description="Whether it ended and can be retried without a new upload.")
    transcript_id: str | None = None
    reused: bool = Field(False, description="Whether the transcript was there already (`Reuse-Transcript`).")
    translation_of: str | None = Field(
        None, description="Id of the transcript whose recording it translates, to stand beside it."
    )
    title: str
    model: str | None = None
    created: str = UtcTime
    started: str | None = None
    finished: str | None = None
    duration: float | None = Field(None, description="Seconds of audio, as far as known.")
    text: str = Field("", description="The text so far.")


class JobList(Schema):
    """One page of the jobs of the caller, of the last day, newest first."""

    jobs: list[JobResponse]
    paused: bool = Field(False, description="Whether the caller paused the own queue.")
    next: str | None = Field(None, description="`cursor` of the next page; null on the last one.")


class HealthResponse(RootSchema[Health]):
    """Whether the appliance can do its work, and what keeps it from it."""


class StatusResponse(RootSchema[Status]):
    """The whole state of the appliance."""


class ModelList(Schema):
    """Every model of the catalogue, and the machine's own."""

    default: str | None
    models: list[ModelState]
