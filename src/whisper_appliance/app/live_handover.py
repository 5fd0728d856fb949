"""Where a live session goes in the end: captions to the history, and its recording on the one road."""

import errno
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from whisper_appliance.core.errors import NotFound
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.queue import JobRequest, Queue
from whisper_appliance.library.transcript_rows import printable
from whisper_appliance.library.transcripts import History
from whisper_appliance.live.final_transcript import Ended
from whisper_appliance.live.replay import Facts

SOURCE = "live"


class Recordings:
    """What the live room hands its sessions to. Both methods may be called again for the same session."""

    def __init__(self, storage: Path, history: History, queue: Queue) -> None:
        """`storage` is the folder of uploads."""
        self._storage = storage
        self._history = history
        self._queue = queue

    def keep(self, ended: Ended) -> str:
        """Keeps the transcript of the captions, under the id of its session."""
        facts = ended.facts
        self._history.keep(
            facts.id,
            ended.transcript,
            title=_title(facts),
            owner=facts.owner,
            source=SOURCE,
            key_id=facts.key_id,
        )
        return facts.id

    def hear_again(self, ended: Ended) -> None:
        """Makes a job of the recording, whose transcript takes the place of the live one.

        Raises `Busy` and `Unavailable`; then nothing has been done.
        """
        facts = ended.facts
        with suppress(NotFound):
            self._queue.get(facts.id)
            return
        audio = self._storage / "uploads" / facts.id
        _link(ended.audio, audio)
        options = replace(ended.options, quality="balanced")
        self._queue.put(
            JobRequest(
                audio=audio,
                filename=f"{_title(facts)}.wav",
                priority=Priority.INTERACTIVE,
                owner=facts.owner,
                title=_title(facts),
                source=SOURCE,
                model=facts.model,
                options=options,
                id=facts.id,
                key_id=facts.key_id,
            )
        )


def _title(facts: Facts) -> str:
    return printable(facts.request.title) or "Live recording"


def _link(source: Path, target: Path) -> None:
    """The same file in a second place; a copy where the disk cannot do that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
        os.utime(target)  # as young as an upload that has just come
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        shutil.copyfile(source, target)
