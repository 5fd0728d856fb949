"""Excerpts of stored recordings, as recordings of their own: for a span that is transcribed again."""

from collections.abc import Callable
from pathlib import Path

from whisper_appliance.audio.decode import decode
from whisper_appliance.audio.excerpt import write_excerpt
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.engines.contract import Options
from whisper_appliance.jobs.transcription_job import decode_limits
from whisper_appliance.transcription.channels import sound_of


class Excerpts:
    """Cuts excerpts with the sandboxed decoder and its limits."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    def cut(
        self, source: Path, target: Path, name: str, *, track: int | None, start: float, end: float | None
    ) -> float:
        """Writes the span of `source` as the new file `target`; returns its seconds.

        `name` of the recording has the extension for formats without a header. Raises `InvalidRequest` if
        the recording ends before the span, and the errors of the decoder.
        """
        settings = self._settings()
        folder, sound = settings.data_dir / "decoded", sound_of(Options(track=track), name)
        with decode(source, folder=folder, limits=decode_limits(settings), sound=sound) as recording:
            seconds = write_excerpt(recording, target, start, end)
            if seconds == 0:
                length = round(recording.seconds or 0.0, 2)
                raise InvalidRequest(
                    "The recording has {seconds} seconds only.", seconds=length, field="start"
                )
        return seconds
