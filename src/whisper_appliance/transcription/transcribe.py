"""Transcribes one recording: runs the pipeline and assembles the `Transcript` with its provenance."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from whisper_appliance import __version__
from whisper_appliance.audio.audio_source import AudioSource
from whisper_appliance.core.i18n import N_
from whisper_appliance.engines.contract import TARGET_SECONDS, Options, Priority, WindowResult
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.transcript.model import Notice, Provenance, Segment, Transcript
from whisper_appliance.transcript.times import with_valid_times
from whisper_appliance.transcription.pipeline import TranscriptionPipeline, WindowDone
from whisper_appliance.transcription.segmentation import SegmentationConfig

__all__ = ["TranscriptionRequest", "WindowDone", "detect_language", "transcribe"]

FAST_WINDOW_SECONDS = 14.0  # because the encoder's time grows faster than the window
FIRST_WINDOW_SECONDS, LONG_SECONDS = 8.0, 120.0
"""The first words of a recording over the second length appear once so much of it is decoded."""
PROMPT_CUT = Notice(
    "prompt_cut",
    "The model takes at most 223 tokens (some 150 words) of context and of expected words each. "
    "The beginning of the context, or the last of the expected words, were left out.",
)
UNTRANSCRIBED = N_("Somebody speaks here, but no words were recognized: {times}.")
NO_SPEECH = Notice("no_speech", "No speech was found in this recording.")


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """How one recording is transcribed, and by which model.

    `finished` holds the results of an earlier attempt by first sample; those windows are not decoded again.
    """

    options: Options
    priority: Priority
    model: str
    model_sha256: str = ""
    target_seconds: float = TARGET_SECONDS
    finished: Mapping[int, WindowResult] = field(default_factory=dict)


def transcribe(
    recording: AudioSource,
    engine: EngineProcess,
    request: TranscriptionRequest,
    *,
    on_window: Callable[[WindowDone], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    on_decoded: Callable[[float], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Transcript:
    """Transcribes a whole recording; `on_window` receives each finished window in order.

    `cancelled` is polled between windows. `on_decoded` receives the seconds of audio that were decoded, in
    any order and from any thread; those of a window of low confidence once its retry is decoded. It
    receives 0 as decoding begins.
    Raises `Cancelled`, `AudioError`, `EngineFailed`, `ModelUnavailable`.
    """
    started, options = clock(), request.options
    pipeline = _pipeline(recording, engine, request, on_window, cancelled, on_decoded)
    results = list(pipeline.results())
    elapsed = clock() - started
    segments = tuple(segment for result in results for segment in result.segments)
    transcript = Transcript(
        segments=segments,
        language=options.language or pipeline.main.language,
        language_probability=pipeline.main.probability,
        duration=recording.seconds or 0.0,
        task=options.task,
        model=request.model,
        processing_seconds=elapsed,
        warnings=(*recording.notices, *_notices(segments, pipeline)),
        dropped=tuple(dropped for result in results for dropped in result.dropped),
        provenance=_provenance(recording, engine, request, elapsed),
    )
    return with_valid_times(transcript)


def detect_language(
    recording: AudioSource,
    engine: EngineProcess,
    request: TranscriptionRequest,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """The code of the language that a recording begins with, by at most three windows; empty without speech.

    Raises what `transcribe` raises.
    """
    return _pipeline(recording, engine, request, lambda _: None, cancelled, lambda _: None).detect_language()


def _pipeline(
    recording: AudioSource,
    engine: EngineProcess,
    request: TranscriptionRequest,
    on_window: Callable[[WindowDone], None],
    cancelled: Callable[[], bool],
    on_decoded: Callable[[float], None],
) -> TranscriptionPipeline:
    target = _target_seconds(request)
    return TranscriptionPipeline(
        recording,
        engine,
        request.options,
        request.priority,
        SegmentationConfig(target, FIRST_WINDOW_SECONDS if _is_long(recording) else target),
        dict(request.finished),
        on_window,
        cancelled,
        on_decoded,
    )


def _is_long(recording: AudioSource) -> bool:
    """By the header, and never by what is decoded yet, so that the windows are the same each time."""
    seconds = recording.declared_seconds()
    return seconds is None or seconds > LONG_SECONDS


def _target_seconds(request: TranscriptionRequest) -> float:
    is_fast = request.options.quality == "fast"
    return min(request.target_seconds, FAST_WINDOW_SECONDS) if is_fast else request.target_seconds


def _notices(segments: Sequence[Segment], pipeline: TranscriptionPipeline) -> Iterator[Notice]:
    if not segments:
        yield NO_SPEECH
    if pipeline.prompt_cut:
        yield PROMPT_CUT
    if pipeline.untranscribed:
        places = ((_clock(start), _clock(math.ceil(stop))) for start, stop in pipeline.untranscribed)
        times = ", ".join(f"{start}-{stop}" for start, stop in places)
        yield Notice("untranscribed", UNTRANSCRIBED.format(times=times))


def _without_voices(options: Options) -> dict[str, Any]:
    """The options as JSON; the voices of people stay in the job."""
    return {name: value for name, value in asdict(options).items() if name != "voices"}


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _provenance(
    recording: AudioSource, engine: EngineProcess, request: TranscriptionRequest, elapsed: float
) -> Provenance:
    status = engine.status()
    return Provenance(
        engine=status.name,
        engine_version=status.version,
        model=request.model,
        model_sha256=request.model_sha256,
        compute_type=status.compute_type,
        options={**_without_voices(request.options), "target_seconds": request.target_seconds},
        audio_sha256=recording.audio_sha256,
        appliance_version=__version__,
        real_time_factor=round((recording.seconds or 0.0) / elapsed, 2) if elapsed > 0 else 0.0,
    )
