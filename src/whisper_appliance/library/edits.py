"""Edits of stored transcripts: operations, undo and redo, and versions that can be restored.

Every change is a revision: it has the next number, and the segments before and after. What the machine
wrote is revision 0 and is kept whole, so each version can be built again. An edit names the revision that its
author has seen. If others changed other segments since, both changes are kept; if they changed the same
segments, the edit raises `ChangedMeanwhile` and changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from whisper_appliance.core.clock import Clock, now, written
from whisper_appliance.core.errors import ChangedMeanwhile, Conflict, NotFound
from whisper_appliance.library.revision_rows import (
    Kind,
    Revision,
    add_revision,
    amend_revision,
    read_heads,
    read_revisions,
    read_snapshot,
    revisions_to_undo,
)
from whisper_appliance.library.search_index import index_words
from whisper_appliance.library.transcript_rows import body_columns
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import transcripts
from whisper_appliance.transcript.codec import from_json
from whisper_appliance.transcript.editing.differences import Hunk, changed_keys, difference, with_hunks
from whisper_appliance.transcript.editing.operations import Operation, edited, keyed, keys_of
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.transcript.times import with_valid_times

VERSION_GAP = timedelta(minutes=10)
"""Changes of one author with shorter pauses between them are one version in the list."""


@dataclass(frozen=True, slots=True)
class Version:
    """A state that can be restored: the one after `revision`. `changes` is how many revisions led to it."""

    revision: int
    since: int
    """The revision before its first change."""
    kind: Kind
    target: int | None
    author: str
    created: str
    changes: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What an editor does not have who saw an earlier revision, and the transcript after it."""

    revisions: tuple[Revision, ...]
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class _Stored:
    """A transcript in the transaction that changes it."""

    transcript: Transcript
    revision: int
    created: str
    bytes: int
    own_bytes: int
    """Of its text and body, without those of revisions and of the live version."""


class TranscriptEdits:
    """Changes the segments of transcripts. Callers check beforehand who may change what.

    Methods raise `NotFound` for a transcript that does not exist or is in the trash.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock = now,
        announce: Callable[[str], None] = lambda _id: None,
        follow: Callable[[str, Revision, Transcript], None] = lambda *_: None,
    ) -> None:
        """`announce` gets the id of a transcript after each change of it, `follow` the change and
        the transcript after it as well.
        """
        self._database = database
        self._clock = clock
        self._announce = announce
        self._follow = follow

    def announce(self, transcript_id: str) -> None:
        """Says that something about a transcript is new."""
        self._announce(transcript_id)

    def apply(
        self, transcript_id: str, operations: Sequence[Operation], *, seen: int | None, author: str
    ) -> Changes:
        """Applies operations to a transcript that the author saw at revision `seen` (None: as it is).

        Returns the revisions after `seen`; the last one is this edit, unless it changed nothing.
        Raises `ChangedMeanwhile`, and for operations that cannot be done `NotFound` or `InvalidRequest`.
        """

        def change(connection: sa.Connection, stored: _Stored) -> tuple[Revision, Transcript] | None:
            base = stored.revision if seen is None else seen
            if base > stored.revision:
                raise ChangedMeanwhile("There is no revision {revision} of this transcript.", revision=base)
            since = read_revisions(connection, transcript_id, after=base)
            changed = changed_keys(hunk for each in since for hunk in each.hunks)
            if changed & keys_of(operations):
                raise ChangedMeanwhile("Somebody else changed the same words in the meantime.")
            return self._revision(stored, "edit", author), edited(stored.transcript, operations)

        return self._change(transcript_id, change, seen)

    def undo(self, transcript_id: str, *, author: str, seen: int) -> Changes:
        """Takes back the author's last change that was not taken back; returns the revisions after `seen`.

        Raises `Conflict` if there is none, `ChangedMeanwhile` if somebody else changed the words since.
        """
        return self._take_back(transcript_id, "undo", author=author, seen=seen)

    def redo(self, transcript_id: str, *, author: str, seen: int) -> Changes:
        """Makes the change again that was undone last; otherwise as `undo`."""
        return self._take_back(transcript_id, "redo", author=author, seen=seen)

    def restore(self, transcript_id: str, revision: int, *, author: str, seen: int = -1) -> Changes:
        """Restores the state after a revision, as a change of its own; returns the revisions after `seen`."""

        def change(connection: sa.Connection, stored: _Stored) -> tuple[Revision, Transcript]:
            wanted = self._state(connection, transcript_id, revision)
            restored = replace(stored.transcript, segments=wanted.segments)
            return self._revision(stored, "restore", author, target=revision), restored

        return self._change(transcript_id, change, seen)

    def rewrite(self, transcript_id: str, change: Callable[[Transcript], Transcript]) -> None:
        """Changes a transcript by a program, e.g. to name speakers. The author is the machine."""

        def changed(_connection: sa.Connection, stored: _Stored) -> tuple[Revision, Transcript]:
            return self._revision(stored, "edit", ""), keyed(change(stored.transcript))

        self._change(transcript_id, changed, None)

    def set_words(self, transcript_id: str, aligned: Mapping[str, Segment]) -> tuple[str, ...]:
        """Stores better times of words, in the revision that wrote them; returns the keys of their segments.

        `aligned` has segments by key; one whose text is another one by now is left out.
        """
        with self._database.write() as connection:
            stored = _read(connection, transcript_id)
            changed: dict[str, Segment] = {}
            for segment in stored.transcript.segments:
                found = aligned.get(segment.key)
                if found is None or found.text != segment.text or found.words == segment.words:
                    continue
                better = replace(segment, words=found.words)
                if amend_revision(connection, transcript_id, segment, better):
                    changed[segment.key] = better
            if changed:
                segments = (changed.get(each.key, each) for each in stored.transcript.segments)
                transcript = replace(stored.transcript, segments=tuple(segments))
                self._write(connection, transcript_id, stored, transcript)
        return tuple(changed)

    def since(self, transcript_id: str, revision: int) -> tuple[Revision, ...]:
        """The revisions after one, oldest first."""
        with self._database.read() as connection:
            return read_revisions(connection, transcript_id, after=max(revision, 0))

    def changes_since(self, transcript_id: str, revision: int) -> Changes:
        """The revisions after one, and the transcript as it is."""
        with self._database.read() as connection:
            revisions = read_revisions(connection, transcript_id, after=max(revision, 0))
            return Changes(revisions, _read(connection, transcript_id).transcript)

    def revision(self, transcript_id: str) -> int:
        """The number of the last revision; 0 for an unchanged transcript."""
        row = sa.select(transcripts.c.revision).where(_exists(transcript_id))
        with self._database.read() as connection:
            found = connection.execute(row).scalar()
        if found is None:
            raise _not_found()
        return int(found)

    def can_undo(self, transcript_id: str, author: str) -> tuple[int, int]:
        """How many changes the author can undo, and redo."""
        with self._database.read() as connection:
            undo, redo = revisions_to_undo(read_heads(connection, transcript_id), author)
        return len(undo), len(redo)

    def versions(self, transcript_id: str) -> tuple[Version, ...]:
        """The versions of a transcript, newest first; none if it was never changed."""
        with self._database.read() as connection:
            heads = read_heads(connection, transcript_id)
        found: list[Version] = []
        for each in heads:
            if found and _continues(found[-1], each):
                changes = found[-1].changes + 1
                found[-1] = replace(found[-1], revision=each.revision, created=each.created, changes=changes)
                continue
            before = found[-1].revision if found else 0
            found.append(Version(each.revision, before, each.kind, each.target, each.author, each.created, 1))
        return tuple(reversed(found))

    def compare(self, transcript_id: str, revision: int, other: int) -> tuple[Hunk, ...]:
        """The difference between the states after two revisions."""
        with self._database.read() as connection:
            before = self._state(connection, transcript_id, revision, offered=False)
            after = self._state(connection, transcript_id, other)
        return difference(before.segments, after.segments)

    def current(self, transcript_id: str) -> Transcript:
        """The transcript after all revisions, with keys and valid times."""
        with self._database.read() as connection:
            return _read(connection, transcript_id).transcript

    def state(self, transcript_id: str, revision: int) -> Transcript:
        """The transcript after a revision."""
        with self._database.read() as connection:
            return self._state(connection, transcript_id, revision)

    def _take_back(self, transcript_id: str, kind: Kind, *, author: str, seen: int) -> Changes:
        def change(connection: sa.Connection, stored: _Stored) -> tuple[Revision, Transcript]:
            undo, redo = revisions_to_undo(read_heads(connection, transcript_id), author)
            candidates = undo if kind == "undo" else redo
            if not candidates:
                raise _nothing_left(kind)
            target = candidates[-1]
            (taken_back,) = read_revisions(connection, transcript_id, after=target - 1, until=target)
            inverse = [hunk.inverse() for hunk in taken_back.hunks]
            segments = with_hunks(stored.transcript.segments, inverse)
            restored = with_valid_times(replace(stored.transcript, segments=segments))
            return self._revision(stored, kind, author, target=target), restored

        return self._change(transcript_id, change, seen)

    def _state(
        self, connection: sa.Connection, transcript_id: str, revision: int, *, offered: bool = True
    ) -> Transcript:
        """The state after a revision; `offered`: of a revision that offers a version, that version."""
        snapshot = read_snapshot(connection, transcript_id, revision)
        if snapshot is not None and (offered or revision == 0):
            return snapshot
        if revision == 0:
            return _read(connection, transcript_id).transcript  # it was never changed
        original = read_snapshot(connection, transcript_id, 0)
        steps = read_revisions(connection, transcript_id, after=0, until=revision)
        if original is None or not steps or steps[-1].revision != revision:
            raise NotFound("There is no revision {revision} of this transcript.", revision=revision)
        segments = original.segments
        for step in steps:
            segments = with_hunks(segments, step.hunks)
        return replace(original, segments=segments)

    def _revision(self, stored: _Stored, kind: Kind, author: str, *, target: int | None = None) -> Revision:
        return Revision(stored.revision + 1, kind, target, author, written(self._clock()))

    def _change(
        self,
        transcript_id: str,
        change: Callable[[sa.Connection, _Stored], tuple[Revision, Transcript] | None],
        seen: int | None,
    ) -> Changes:
        """Stores what `change` returns, and its revision, in one transaction."""
        revision: Revision | None = None
        with self._database.write() as connection:
            stored = _read(connection, transcript_id)
            made = change(connection, stored)
            hunks = difference(stored.transcript.segments, made[1].segments) if made else ()
            transcript = made[1] if made and hunks else stored.transcript
            if made and hunks:
                revision = replace(made[0], hunks=hunks)
                self._store(connection, transcript_id, stored, revision, transcript)
            after = stored.revision if seen is None else seen
            revisions = read_revisions(connection, transcript_id, after=max(after, 0))
        if revision:
            self._announce(transcript_id)
            self._follow(transcript_id, revision, transcript)
        return Changes(revisions, transcript)

    def _store(
        self,
        connection: sa.Connection,
        transcript_id: str,
        stored: _Stored,
        revision: Revision,
        transcript: Transcript,
    ) -> None:
        size = 0
        if stored.revision == 0:
            original = Revision(0, "original", None, "", stored.created)
            size += add_revision(connection, transcript_id, original, snapshot=stored.transcript)
        size += add_revision(connection, transcript_id, revision)
        self._write(connection, transcript_id, stored, transcript, size, revision=revision.revision)

    @staticmethod
    def _write(
        connection: sa.Connection,
        transcript_id: str,
        stored: _Stored,
        transcript: Transcript,
        more_bytes: int = 0,
        **values: int,
    ) -> None:
        columns = body_columns(transcript)
        columns["bytes"] += stored.bytes - stored.own_bytes + more_bytes
        row = transcripts.update().where(transcripts.c.id == transcript_id)
        changed = row.values(**columns, **values).returning(transcripts.c.number)
        index_words(connection, connection.execute(changed).scalar_one(), transcript)


def _read(connection: sa.Connection, transcript_id: str) -> _Stored:
    names = ("text", "body", "revision", "created", "bytes")
    columns = (transcripts.c[name] for name in names)
    query = sa.select(*columns).where(_exists(transcript_id)).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise _not_found()
    own_bytes = sum(len(row[name].encode("utf-8", "replace")) for name in ("text", "body"))
    transcript = keyed(from_json(Transcript, row["body"]))
    return _Stored(transcript, row["revision"], row["created"], row["bytes"], own_bytes)


def _exists(transcript_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(transcripts.c.id == transcript_id, transcripts.c.deleted_at.is_(None))


def _continues(version: Version, revision: Revision) -> bool:
    """Whether a revision belongs to the same version as the one before it."""
    kinds: Iterable[Kind] = ("edit", "undo", "redo")
    if version.author != revision.author or version.kind not in kinds or revision.kind not in kinds:
        return False
    pause = datetime.fromisoformat(revision.created) - datetime.fromisoformat(version.created)
    return pause < VERSION_GAP


def _nothing_left(kind: Kind) -> Conflict:
    if kind == "undo":
        return Conflict("There is nothing to undo.")
    return Conflict("There is nothing to redo.")


def _not_found() -> NotFound:
    return NotFound("There is no such transcript.")
