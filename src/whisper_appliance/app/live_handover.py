"""The hand-over of a finished live session: its captions to the library, its recording to the job queue."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from whisper_appliance.core.atomic_files import link_or_copy
from whisper_appliance.core.errors import NotFound
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.queue import JobQueue
from whisper_appliance.library.transcript_rows import clean_title
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.live.final_transcript import FinishedSession

SOURCE = "live"
UNTITLED = "Live recording"
FIRST_WORDS_CHARS = 60


class LiveHandover:
    """Stores finished live sessions. Both methods are idempotent."""

    def __init__(self, storage: Path, history: TranscriptRepository, queue: JobQueue) -> None:
        """`storage` is the folder of uploads."""
        self._storage = storage
        self._history = history
        self._queue = queue

    def save_transcript(self, ended: FinishedSession) -> str:
        """Stores the transcript of the captions under the id of its session."""
        facts = ended.info
        self._history.save_once(
            facts.id,
            ended.transcript,
            title=_title(ended),
            owner=facts.owner,
            source=SOURCE,
            key_id=facts.key_id,
        )
        return facts.id

    def enqueue_retranscription(self, ended: FinishedSession) -> None:
        """Enqueues a job for the recording; its transcript replaces the live one.

        Raises `Busy` and `Unavailable`; nothing has changed then.
        """
        facts = ended.info
        with suppress(NotFound):
            self._queue.get(facts.id)
            return
        audio = self._storage / "uploads" / facts.id
        _link(ended.audio, audio)
        options = replace(ended.options, quality="balanced")
        self._queue.enqueue(
            JobRequest(
                audio=audio,
                filename=f"{UNTITLED}.wav",
                priority=Priority.INTERACTIVE,
                owner=facts.owner,
                title=_title(ended),
                source=SOURCE,
                model=facts.model,
                options=options,
                id=facts.id,
                key_id=facts.key_id,
            )
        )


def _title(ended: FinishedSession) -> str:
    """The title that the client gave, or the first words that were said."""
    given = clean_title(ended.info.request.title)
    return given or _first_words(ended.transcript.text) or UNTITLED


def _first_words(text: str) -> str:
    """The words that fit into a title; of a language without spaces, the characters."""
    words = " ".join(text.split())
    if len(words) <= FIRST_WORDS_CHARS:
        return words
    cut = words[:FIRST_WORDS_CHARS]
    return f"{cut.rsplit(' ', 1)[0]}…"


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    link_or_copy(source, target)
    os.utime(target)  # the age of an upload decides when an orphan is removed
