"""From audio to Transcript: the one road, and what is known of the result."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

from whisper_appliance import __version__
from whisper_appliance.audio.audio_source import Source
from whisper_appliance.engines.contract import Options, Priority, WindowResult
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.transcript.model import Notice, Provenance, Transcript
from whisper_appliance.transcription.pipeline import TranscriptionPipeline, WindowDone
from whisper_appliance.transcription.segmentation import SegmentationConfig

__all__ = ["Source", "WindowDone", "transcribe"]

FAST_WINDOW_SECONDS = 14.0  # the encoder's time grows faster than a window; those who want words give it more
NO_SPEECH = Notice("no_speech", "No speech was found in this recording.")


def transcribe(
    recording: Source,
    engine: EngineProcess,
    options: Options,
    *,
    priority: Priority,
    model: str,
    model_sha256: str = "",
    target_seconds: float = 20.0,
    finished: Mapping[int, WindowResult] | None = None,
    on_window: Callable[[WindowDone], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> Transcript:
    """Hears a whole recording.

    `finished` holds the windows of an earlier attempt by their first sample; they are not heard again.
    Raises `Cancelled`, `AudioError`, `EngineFailed`, `ModelUnavailable`.
    """
    started = clock()
    if options.quality == "fast":
        target_seconds = min(target_seconds, FAST_WINDOW_SECONDS)
    road = TranscriptionPipeline(
        recording,
        engine,
        options,
        priority,
        SegmentationConfig(target_seconds),
        dict(finished or {}),
        on_window,
        cancelled,
    )
    results = list(road.results())
    seconds = recording.seconds or 0.0
    elapsed = clock() - started
    segments = tuple(segment for result in results for segment in result.segments)
    status = engine.status()
    return Transcript(
        segments=segments,
        language=road.language or options.language or "",
        language_probability=road.language_probability,
        duration=seconds,
        task=options.task,
        model=model,
        processing_seconds=elapsed,
        warnings=(*recording.notices, *(() if segments else (NO_SPEECH,))),
        dropped=tuple(dropped for result in results for dropped in result.dropped),
        provenance=Provenance(
            engine=status.name,
            engine_version=status.version,
            model=model,
            model_sha256=model_sha256,
            compute_type=status.compute_type,
            options=asdict(options),
            audio_sha256=recording.audio_sha256,
            appliance_version=__version__,
            real_time_factor=round(seconds / elapsed, 2) if elapsed > 0 else 0.0,
        ),
    )
