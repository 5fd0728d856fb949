"""Films with their words as subtitles that can be switched off, made of kept recordings."""

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from whisper_appliance.audio.encode import add_subtitles, most_film_bytes
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import Busy, DiskFull, InvalidRequest
from whisper_appliance.jobs.transcription_job import decode_limits
from whisper_appliance.library.recordings import Recordings

_RETRY_SECONDS = 30


class SubtitledFilms:
    """Makes one film at a time, because each needs the disk for as much as its recording has."""

    def __init__(self, settings: Callable[[], Settings], recordings: Recordings, folder: Path) -> None:
        """The films are files without a name in `folder`, gone when they are closed."""
        self._settings = settings
        self._recordings = recordings
        self._folder = folder
        self._is_free = threading.Lock()

    def make(self, transcript_id: str, subtitles: str) -> BinaryIO:
        """The film of a transcript, with these subtitles (SubRip), as Matroska; an open file.

        Raises `NotFound` if the recording is not kept, `InvalidRequest` if it is no film or nothing is said,
        `Undecodable`, `Busy`, `DiskFull`.
        """
        self._recordings.get(transcript_id)
        source = self._recordings.file(transcript_id)
        if not subtitles.strip():
            raise InvalidRequest("This transcript has no words.")
        if not self._is_free.acquire(blocking=False):
            raise Busy(
                "Another film is being made. Try again soon.",
                retry_after_seconds=_RETRY_SECONDS,
                limit_name="films",
            )
        try:
            self._check_space(most_film_bytes(source.stat().st_size, subtitles))
            self._folder.mkdir(exist_ok=True)
            film = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - the response closes it
            try:
                add_subtitles(source, film, subtitles, limits=decode_limits(self._settings()))
            except BaseException:
                film.close()
                raise
        finally:
            self._is_free.release()
        film.seek(0)
        return film

    def _check_space(self, size: int) -> None:
        free = shutil.disk_usage(self._folder.parent).free
        if free < size + int(self._settings().min_free_disk):
            raise DiskFull("The disk is too full to make this film. Free some space and try again.")
