"""A faster model, the present one and a better one, each with the time that an hour of audio takes here."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whisper_appliance.audio.decode import decode
from whisper_appliance.config.settings import Settings
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import Conflict
from whisper_appliance.engines.contract import MAX_WINDOW_SECONDS, Options, Priority, Window
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.jobs.transcription_job import decode_limits
from whisper_appliance.models.catalog import catalog
from whisper_appliance.models.manager import ModelManager
from whisper_appliance.models.speed import Measurement, hour_seconds, neighbours

SPEECH = Path(__file__).parent / "speech.ogg"
"""Eleven seconds of a speech of 1961, which is in the public domain."""
MEASURE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A model to think of. `hour_seconds` is about how long an hour of audio takes; None is not known."""

    kind: Literal["faster", "yours", "better"]
    model: str
    description: str
    hour_seconds: float | None
    fits: bool
    installed: bool


class ModelSuggestions:
    """Measures the default model on request, and keeps the last result until the program ends."""

    def __init__(
        self,
        models: ModelManager[EngineProcess],
        settings: Callable[[], Settings],
        monotonic: Callable[[], float] = time.monotonic,
        seconds: float | None = None,
    ) -> None:
        """`seconds` is how long a measurement takes at least; None: `MEASURE_SECONDS`."""
        self._models = models
        self._settings = settings
        self._monotonic = monotonic
        self._seconds = MEASURE_SECONDS if seconds is None else seconds
        self._measuring = threading.Lock()
        self._last: Measurement | None = None

    def measure(self) -> tuple[Suggestion, ...]:
        """Decodes speech for some seconds. Raises `ModelUnavailable`, `Conflict` during another one."""
        if not self._measuring.acquire(blocking=False):
            raise Conflict("This machine is being measured now. Wait a few seconds.")
        try:
            name = self._models.default
            with self._models.engine(name) as engine:
                self._last = self._measure(name, engine)
        finally:
            self._measuring.release()
        return self.suggestions()

    def suggestions(self) -> tuple[Suggestion, ...]:
        """From the last measurement; none before the first, or after another model became the default."""
        measured = self._last
        if measured is None or measured.model != self._models.default:
            return ()
        faster, better = neighbours(measured.model, catalog())
        chosen: tuple[tuple[Literal["faster", "yours", "better"], str | None], ...] = (
            ("faster", faster),
            ("yours", measured.model),
            ("better", better),
        )
        return tuple(self._suggestion(kind, name, measured) for kind, name in chosen if name)

    def _suggestion(
        self, kind: Literal["faster", "yours", "better"], name: str, measured: Measurement
    ) -> Suggestion:
        model = self._models.get_model(name)
        return Suggestion(
            kind=kind,
            model=name,
            description=model.description if model else "",
            hour_seconds=hour_seconds(name, measured),
            fits=model is not None and model.fits,
            installed=model is not None and model.installed,
        )

    def _measure(self, name: str, engine: EngineProcess) -> Measurement:
        settings = self._settings()
        folder = settings.data_dir / "decoded"
        with decode(SPEECH, folder=folder, limits=decode_limits(settings)) as recording:
            samples = next(recording.blocks(MAX_WINDOW_SECONDS))
        window = Window(samples, Options(language="en"))
        self._decode(engine, window, 1)  # once the model is loaded
        pace = self._decode(engine, window, 1)
        in_time = pace * engine.prefetch_windows <= self._seconds
        count = engine.prefetch_windows if in_time else engine.parallel_windows
        wall, windows = 0.0, 0
        while wall < self._seconds or not windows:
            wall += self._decode(engine, window, count)
            windows += count
        return Measurement(name, windows * len(samples) / SAMPLE_RATE, wall)

    def _decode(self, engine: EngineProcess, window: Window, count: int) -> float:
        """Decodes as many windows at once as files would; returns the seconds that it took."""
        begin = self._monotonic()
        decoding = [engine.submit(window, priority=Priority.INTERACTIVE) for _ in range(count)]
        for each in decoding:
            each.result()
        return self._monotonic() - begin
