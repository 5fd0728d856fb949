"""Live changes of a transcript for those who have its page open, as Server-Sent Events."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import NotFound
from whisper_appliance.library.notes import StoredNote
from whisper_appliance.transcript.codec import segment_body
from whisper_appliance.transcript.model import Transcript
from whisper_appliance.transcript.paragraphs import paragraph_starts
from whisper_appliance.web import sse
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.schemas.chapters import chapters_response
from whisper_appliance.web.schemas.edits import AuthorNames, revision_response
from whisper_appliance.web.schemas.notes import note_response
from whisper_appliance.web.schemas.transcript import recording_response

HEARTBEAT_SECONDS = 15.0
WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ClientRevisions:
    """What a client has, so that it is not sent again."""

    revision: int = 0
    chapters: int | None = None
    """Revision of its chapters; None: it has none."""
    aligned: int | None = None
    """Number of the last alignment in its words; None: it wants those that come."""


class ChangeStream:
    """Sends one client the changes of one transcript, each once.

    The transcript is decoded only for a change that the client does not have, because it may be long.
    """

    def __init__(
        self,
        appliance: Appliance,
        transcript_id: str,
        has: ClientRevisions,
        actor_id: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._appliance = appliance
        self._transcript_id = transcript_id
        self._since = has.revision
        self._chapters = has.chapters
        last = appliance.word_alignment.last
        self._aligned = last(transcript_id) if has.aligned is None else has.aligned
        self._actor_id = actor_id
        self._monotonic = monotonic
        self._sent: dict[str, Any] = {}
        self._notes: tuple[StoredNote, ...] | None = None

    def events(self) -> Iterator[str]:
        """The stream, until the client disconnects, the transcript is deleted, or the appliance stops."""
        return sse.with_heartbeat(self._frames(), HEARTBEAT_SECONDS, self._monotonic)

    def _frames(self) -> Generator[str | None, None, None]:
        with self._appliance.edit_notifier.subscribe(self._transcript_id) as changed:
            yield sse.HEARTBEAT  # the client's stream opens with the first bytes
            read_at = 0.0
            changed.set()
            while not self._appliance.queue.stopping:
                # Changes that another process makes notify nobody here: they come with the next heartbeat.
                if changed.is_set() or self._monotonic() - read_at >= HEARTBEAT_SECONDS:
                    changed.clear()
                    read_at = self._monotonic()
                    try:
                        yield from self._new_changes()
                    except NotFound:
                        return
                yield None
                changed.wait(WAIT_SECONDS)

    def _new_changes(self) -> Iterator[str]:
        edits = self._appliance.edits
        revisions = edits.since(self._transcript_id, self._since)
        current = edits.current(self._transcript_id) if revisions else None
        names = author_names(each.author for each in revisions)
        for each in revisions:
            self._since = each.revision
            shown = revision_response(each, names, self._actor_id)
            if current and each is revisions[-1]:
                shown["paragraphs"] = paragraph_starts(current)
            yield sse.frame("change", shown, event_id=each.revision)
        yield from self._aligned_words(current)
        summary = self._appliance.transcripts.metadata(self._transcript_id)
        yield from self._if_new("title", {"title": summary.title})
        notes = self._appliance.notes.of(self._transcript_id)
        if notes != self._notes:
            self._notes = notes
            yield sse.frame("notes", {"notes": notes_json(notes)})
        kept = recording_response(self._appliance.recordings.find(self._transcript_id))
        yield from self._if_new("recording", {"recording": kept, "job_id": summary.job_id})
        translated = self._appliance.translations.created(self._transcript_id)
        job = self._appliance.queue.translating(self._transcript_id)
        state = {"id": job.id, "status": job.status} if job else None
        yield from self._if_new("translation", {"created": translated, "job": state})
        stored = self._appliance.chapters.of(self._transcript_id)
        if revisions or self._chapters != stored.revision:
            self._chapters = stored.revision
            shown = chapters_response(current or edits.current(self._transcript_id), stored)
            yield from self._if_new("chapters", shown)

    def _aligned_words(self, current: Transcript | None) -> Iterator[str]:
        keys, self._aligned = self._appliance.word_alignment.aligned(self._transcript_id, self._aligned)
        if not keys:
            return
        segments = (current or self._appliance.edits.current(self._transcript_id)).segments
        aligned = [{"key": each.key, **segment_body(each)} for each in segments if each.key in keys]
        yield sse.frame("words", {"segments": aligned, "aligned": self._aligned})

    def _if_new(self, event: str, data: Any) -> Iterator[str]:
        """An event with all of something, unless the client has it already."""
        if self._sent.get(event) != data:
            self._sent[event] = data
            yield sse.frame(event, data)


def notes_json(notes: Sequence[StoredNote]) -> list[dict[str, Any]]:
    """Notes as the caller sees them."""
    names, actor_id = author_names(note.author for note in notes), current_actor().owner
    return [note_response(note, names, actor_id) for note in notes]


def author_names(user_ids: Iterable[str]) -> AuthorNames:
    """The names of these users by id, as far as they have an account."""
    return appliance().accounts.users.names(user_ids)
