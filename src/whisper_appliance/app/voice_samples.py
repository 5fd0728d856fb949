"""Samples of voices: from a short recording of one speaker to the embedding by which the speaker is known."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from whisper_appliance.audio.decode import decode
from whisper_appliance.audio.recording import Recording, Sound
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import AudioError, InvalidRequest, ModelUnavailable
from whisper_appliance.diarization.contract import Diarization
from whisper_appliance.diarization.registry import is_installed
from whisper_appliance.jobs.transcription_job import decode_limits, diarizer

MIN_SECONDS, MAX_SECONDS = 1.5, 11.0
"""Two to ten seconds, as OpenAI has it, and what an encoder adds or cuts."""
FIELD = "known_speaker_references"
Diarize = Callable[[Recording, int], Diarization]


class VoiceSamples:
    """Makes embeddings of samples, with the decoder and the model that find speakers in recordings."""

    def __init__(self, settings: Callable[[], Settings], diarize: Diarize | None = None) -> None:
        """`diarize` finds one speaker in a decoded sample."""
        self._settings = settings
        self._is_given = diarize is not None
        self._diarize: Any = diarize or diarizer(settings)

    def embeddings(self, samples: Sequence[bytes]) -> list[tuple[float, ...]]:
        """The embedding of each sample, which is an audio file.

        Raises `InvalidRequest` for a sample that cannot be used, and without a diarizer.
        """
        if not self._is_given and not is_installed(self._settings().diarization_model):
            raise InvalidRequest(
                "Speakers cannot be told apart by voice here, because the model for it is not installed. "
                "Leave this out, or install whisper-appliance[diarization].",
                field=FIELD,
            )
        return [self._embedding(sample, number) for number, sample in enumerate(samples, 1)]

    def _embedding(self, sample: bytes, number: int) -> tuple[float, ...]:
        with tempfile.NamedTemporaryFile() as file:
            file.write(sample)
            file.flush()
            try:
                with self._decoded(Path(file.name)) as recording:
                    for _ in recording.blocks():
                        pass
                    seconds = recording.seconds or 0.0
                    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
                        raise InvalidRequest(
                            "Sample {number} of a voice has {seconds} seconds. Send 2 to 10 seconds.",
                            number=number, seconds=round(seconds, 1), field=FIELD,
                        )  # fmt: skip
                    found: Diarization = self._diarize(recording, 1)
            except (AudioError, ModelUnavailable) as error:
                raise InvalidRequest(
                    "Sample {number} of a voice cannot be used. {reason}",
                    number=number, reason=error, field=FIELD,
                ) from error  # fmt: skip
        if not found.embeddings:
            raise InvalidRequest("In sample {number} of a voice, nobody speaks.", number=number, field=FIELD)
        return found.embeddings[0]

    def _decoded(self, path: Path) -> AbstractContextManager[Recording]:
        settings = self._settings()
        folder, sound = settings.data_dir / "decoded", Sound()
        return decode(path, folder=folder, limits=decode_limits(settings), sound=sound)
