"""The schemas of edits: operations in, revisions with the segments that changed out."""

from typing import Annotated, Any

from pydantic import Field

from whisper_appliance.core.schema import Schema
from whisper_appliance.library.edits import Version
from whisper_appliance.library.revision_rows import Kind, Revision
from whisper_appliance.transcript.codec import segment_body
from whisper_appliance.transcript.editing.differences import Hunk, PartKind, word_difference
from whisper_appliance.transcript.editing.operations import MAX_OPERATIONS, Operation
from whisper_appliance.transcript.model import Segment
from whisper_appliance.web.schemas.transcript import SegmentBody, UtcTime

AuthorNames = dict[str, str]
"""Names of users by id."""


class EditBody(Schema):
    """The operations of one edit; all are applied, or none."""

    operations: list[Annotated[Operation, Field(discriminator="op")]] = Field(
        min_length=1, max_length=MAX_OPERATIONS
    )


class EditedSegment(SegmentBody):
    """A phrase after a change."""

    key: str = Field(description="Names it for edits.")


class HunkResponse(Schema):
    """Segments that were replaced by others."""

    after: str = Field(description="Key of the segment before them; empty: they are the first.")
    removed: list[str] = Field(description="Keys of the neighbours that are replaced.")
    added: list[EditedSegment]


class RevisionResponse(Schema):
    """One change of a transcript."""

    revision: int
    kind: Kind
    author: str | None = Field(None, description="Name of the user, where it is known.")
    mine: bool = Field(description="Whether the caller made it.")
    created: str = UtcTime
    hunks: list[HunkResponse]


class EditResponse(Schema):
    """What is new since the revision of the request; its own edit comes last."""

    revision: int
    can_undo: bool
    can_redo: bool
    changes: list[RevisionResponse]
    paragraphs: list[int] = Field(description="Places of the segments that start a paragraph now.")


class VersionResponse(Schema):
    """A state that can be restored."""

    revision: int
    since: int = Field(description="The revision before its changes.")
    kind: Kind = Field(
        description="original: as the machine wrote it; machine: the recording was transcribed once more."
    )
    target: int | None = Field(None, description="The revision that it restores.")
    author: str | None = Field(None, description="Name of the user, where it is known.")
    mine: bool
    created: str = UtcTime
    changes: int = Field(description="How many changes led to it.")


class VersionList(Schema):
    """The versions of a transcript, newest first."""

    versions: list[VersionResponse]


class DifferencePart(Schema):
    """Neighbouring words that stayed, were removed, or were added."""

    kind: PartKind
    text: str


class DifferenceLine(Schema):
    """Words that changed, as people read them."""

    start: float
    before: str = Field(description="Empty where something was added.")
    after: str = Field(description="Empty where something was removed.")
    speaker_before: str = ""
    speaker_after: str = ""
    parts: list[DifferencePart] = Field(description="Both texts, word by word.")


class DifferenceResponse(Schema):
    """What changed from one revision to another."""

    revision: int
    since: int
    lines: list[DifferenceLine]


def revision_response(revision: Revision, names: AuthorNames, actor_id: str) -> dict[str, Any]:
    """A revision as JSON."""
    return {
        "revision": revision.revision,
        "kind": revision.kind,
        "author": names.get(revision.author),
        "mine": bool(actor_id) and revision.author == actor_id,
        "created": revision.created,
        "hunks": [_hunk(hunk) for hunk in revision.hunks],
    }


def version_response(version: Version, names: AuthorNames, actor_id: str) -> dict[str, Any]:
    """A version as JSON."""
    return VersionResponse(
        revision=version.revision,
        since=version.since,
        kind=version.kind,
        target=version.target,
        author=names.get(version.author),
        mine=bool(actor_id) and version.author == actor_id,
        created=version.created,
        changes=version.changes,
    ).model_dump()


def difference_line(hunk: Hunk) -> dict[str, Any]:
    """A hunk as people read it."""
    first = (*hunk.added, *hunk.removed)[0]
    before, after = _text(hunk.removed), _text(hunk.added)
    return {
        "start": round(first.start, 3),
        "before": before,
        "after": after,
        "speaker_before": _speakers(hunk.removed),
        "speaker_after": _speakers(hunk.added),
        "parts": [{"kind": kind, "text": text} for kind, text in word_difference(before, after)],
    }


def _hunk(hunk: Hunk) -> dict[str, Any]:
    return {
        "after": hunk.after,
        "removed": [segment.key for segment in hunk.removed],
        "added": [{"key": segment.key, **segment_body(segment)} for segment in hunk.added],
    }


def _text(segments: tuple[Segment, ...]) -> str:
    return "".join(segment.text for segment in segments).strip()


def _speakers(segments: tuple[Segment, ...]) -> str:
    return ", ".join(dict.fromkeys(segment.speaker for segment in segments if segment.speaker))
