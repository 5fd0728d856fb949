"""Diarizes a recording in a process of its own, which ends with it, so that no memory stays."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from whisper_appliance.audio.audio_source import AudioSource
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import EngineFailed
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.samples import Samples
from whisper_appliance.diarization.contract import Diarization, Diarizer, DiarizerSpec, Turn
from whisper_appliance.engines.process.conversation import Conversation, Service, conversation

SERVICE = Service(
    "whisper_appliance.diarization.process.start",
    failed=N_("The process that tells speakers apart failed: {reason}."),
    silent=N_("The process that tells speakers apart does not answer."),
)
MAX_SECONDS_A_WINDOW = 60.0

Load = Callable[[DiarizerSpec], Diarizer]


def diarize(
    recording: AudioSource,
    spec: DiarizerSpec,
    speakers: int | None = None,
    *,
    on_progress: Callable[[float], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    load: Load | None = None,
) -> Diarization:
    """The turns of a recording that is decoded; `on_progress` gets how much of it is done, from 0 to 1.

    `load` makes the diarizer inside the process; a module's function, because it is imported there.
    Raises `Cancelled`, `ModelUnavailable`, `EngineFailed` if the process fails, `Unavailable` if the machine
    does.
    """
    service = replace(SERVICE, max_memory_bytes=spec.max_memory_bytes)
    with conversation(service, spec.model or Path(__file__), spec, load, cancelled) as child:
        return _exchange(child, recording, speakers, on_progress)


def _exchange(
    child: Conversation, recording: AudioSource, speakers: int | None, on_progress: Callable[[float], None]
) -> Diarization:
    ready = child.answer()
    seconds = recording.seconds or 0.0
    try:
        window, step = _window_times(ready)
        for samples, done in _windows(recording, seconds, window, step):
            child.send(samples)
            child.answer()
            on_progress(done)
        child.send(speakers)
        return _diarization(child.answer(), seconds)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EngineFailed(
            "The process that tells speakers apart sent no turns: {error}", error=error
        ) from error


def _window_times(ready: dict[str, Any]) -> tuple[float, float]:
    window, step = float(ready["window_seconds"]), float(ready["step_seconds"])
    if not 0 < step <= window <= MAX_SECONDS_A_WINDOW:
        raise ValueError(f"a window of {window} seconds every {step}")
    return window, step


def _windows(
    recording: AudioSource, seconds: float, window: float, step: float
) -> Iterator[tuple[Samples, float]]:
    """The windows of a recording, each with the share of it that is done then."""
    count = 1 + math.ceil(max(0.0, seconds - window) / step)
    for index in range(count):
        start, stop = index * step, min(index * step + window, seconds)
        yield recording.read(round(start * SAMPLE_RATE), round(stop * SAMPLE_RATE)), (index + 1) / count


def _diarization(answer: dict[str, Any], seconds: float) -> Diarization:
    turns = tuple(
        Turn(float(each["start"]), float(each["end"]), int(each["speaker"])) for each in answer["turns"]
    )
    if not all(0 <= turn.start <= turn.end <= seconds + 1 and turn.speaker >= 0 for turn in turns):
        raise ValueError("a turn outside of the recording")
    embeddings = tuple(tuple(map(float, embedding)) for embedding in answer["embeddings"])
    return Diarization(turns, embeddings)
