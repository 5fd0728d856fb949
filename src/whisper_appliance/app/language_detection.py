"""Language detection: the language of the beginning of a recording, without a transcript."""

from collections.abc import Callable
from pathlib import Path

from whisper_appliance.audio.decode import decode
from whisper_appliance.audio.decode_errors import NO_SOUND
from whisper_appliance.audio.recording import Sound
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.errors import NoAudio
from whisper_appliance.engines.contract import MAX_WINDOW_SECONDS, Options, Priority, Window, WindowResult
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.jobs.transcription_job import decode_limits
from whisper_appliance.models.manager import ModelManager


class LanguageDetection:
    """Detects languages with the default model."""

    def __init__(self, models: ModelManager[EngineProcess], settings: Callable[[], Settings]) -> None:
        self._models = models
        self._settings = settings

    def detect(self, path: Path, extension: str) -> WindowResult:
        """The language of the first 30 s of a file, with its probability; the result has no text.

        Raises the errors of decoder and engine, and `ModelUnavailable`.
        """
        settings = self._settings()
        folder = settings.data_dir / "decoded"
        sound = Sound(extension=extension.removeprefix("."))
        with (
            self._models.engine() as engine,
            decode(path, folder=folder, limits=decode_limits(settings), sound=sound) as recording,
        ):
            samples = next(recording.blocks(MAX_WINDOW_SECONDS), None)
            if samples is None:
                raise NoAudio(NO_SOUND)
            window = Window(samples, Options(), detect_only=True)
            return engine.submit(window, priority=Priority.INTERACTIVE).result()
