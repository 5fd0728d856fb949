"""The rows of revisions: each change of a transcript's segments as hunks, from the machine's text on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import sqlalchemy as sa

from whisper_appliance.core.clock import now, written
from whisper_appliance.storage.schema.library import transcript_revisions as revisions
from whisper_appliance.storage.schema.library import transcripts
from whisper_appliance.transcript.codec import from_json, to_json
from whisper_appliance.transcript.editing.differences import Hunk
from whisper_appliance.transcript.editing.operations import keyed
from whisper_appliance.transcript.model import Segment, Transcript

Kind = Literal["original", "edit", "undo", "redo", "restore", "machine"]
"""`original`: what the machine wrote (revision 0). `machine`: it transcribed the recording again afterwards,
which changed nothing, but can be restored."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of a transcript; `target` is the revision that it takes back or restores."""

    revision: int
    kind: Kind
    target: int | None
    author: str
    """Id of a user or visitor; empty for the machine, and where nobody is known."""
    created: str
    hunks: tuple[Hunk, ...] = ()


@dataclass(frozen=True, slots=True)
class _Hunks:
    hunks: tuple[Hunk, ...]


def read_revisions(
    connection: sa.Connection, transcript_id: str, *, after: int = -1, until: int | None = None
) -> tuple[Revision, ...]:
    """The revisions of a transcript after one, oldest first, with their hunks."""
    conditions = [revisions.c.transcript_id == transcript_id, revisions.c.revision > after]
    if until is not None:
        conditions.append(revisions.c.revision <= until)
    rows = connection.execute(sa.select(revisions).where(*conditions).order_by(revisions.c.revision))
    return tuple(_revision(row) for row in rows.mappings())


def read_heads(connection: sa.Connection, transcript_id: str) -> tuple[Revision, ...]:
    """All revisions of a transcript, oldest first, without their hunks."""
    columns = (revisions.c[name] for name in ("revision", "kind", "target", "author", "created"))
    query = sa.select(*columns).where(revisions.c.transcript_id == transcript_id)
    rows = connection.execute(query.order_by(revisions.c.revision)).mappings()
    return tuple(Revision(**row) for row in rows)


def read_snapshot(connection: sa.Connection, transcript_id: str, revision: int) -> Transcript | None:
    """The whole transcript that is stored with a revision; None if it has hunks only."""
    query = sa.select(revisions.c.body).where(
        revisions.c.transcript_id == transcript_id, revisions.c.revision == revision
    )
    body = connection.execute(query).scalar()
    return from_json(Transcript, body) if body else None


def add_revision(
    connection: sa.Connection, transcript_id: str, revision: Revision, *, snapshot: Transcript | None = None
) -> int:
    """Stores a revision; returns its bytes."""
    hunks = to_json(_Hunks(revision.hunks))
    body = to_json(snapshot) if snapshot else None
    connection.execute(
        revisions.insert().values(
            transcript_id=transcript_id,
            revision=revision.revision,
            kind=revision.kind,
            target=revision.target,
            author=revision.author,
            created=revision.created,
            hunks=hunks,
            body=body,
        )
    )
    return len(hunks.encode("utf-8", "replace")) + len((body or "").encode("utf-8", "replace"))


def amend_revision(connection: sa.Connection, transcript_id: str, before: Segment, after: Segment) -> bool:
    """Replaces a segment in the last revision that wrote it as it is; False if no revision did."""
    this = revisions.c.transcript_id == transcript_id
    query = sa.select(revisions.c.revision, revisions.c.hunks).where(this)
    for row in connection.execute(query.order_by(revisions.c.revision.desc())):
        hunks = from_json(_Hunks, row.hunks).hunks
        if not any(before in hunk.added for hunk in hunks):
            continue
        amended = tuple(
            replace(hunk, added=tuple(after if each == before else each for each in hunk.added))
            for hunk in hunks
        )
        changed = revisions.update().where(this, revisions.c.revision == row.revision)
        connection.execute(changed.values(hunks=to_json(_Hunks(amended))))
        return True
    return False


def offer_as_version(connection: sa.Connection, transcript: Transcript, job_id: str, revision: int) -> None:
    """Adds a transcript of the same recording to the versions of the one with this id, which was edited."""
    added = Revision(revision + 1, "machine", None, "", written(now()))
    size = add_revision(connection, job_id, added, snapshot=keyed(transcript))
    changed = transcripts.update().where(transcripts.c.id == job_id)
    connection.execute(
        changed.values(job_id=job_id, revision=added.revision, bytes=transcripts.c.bytes + size)
    )


def revisions_to_undo(heads: Sequence[Revision], author: str) -> tuple[list[int], list[int]]:
    """The revisions that an author can undo, and those that can be redone; the next one is the last."""
    undo: list[int] = []
    redo: list[int] = []
    for each in heads:
        if each.author != author or each.kind in ("original", "machine"):
            continue
        if each.kind == "undo":
            undo = [revision for revision in undo if revision != each.target]
            redo.append(each.revision)
        else:
            redo = [revision for revision in redo if revision != each.target] if each.kind == "redo" else []
            undo.append(each.revision)
    return undo, redo


def _revision(row: sa.RowMapping) -> Revision:
    hunks = from_json(_Hunks, row["hunks"]).hunks
    return Revision(row["revision"], row["kind"], row["target"], row["author"], row["created"], hunks)
