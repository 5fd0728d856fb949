"""Merges window results: shifts times into the recording, joins spans, compares confidence."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.transcript.model import Dropped, Segment, Word
from whisper_appliance.transcription.segmentation import SpeechSpan

Timed = TypeVar("Timed", Segment, Word, Dropped)


def merge_results(
    span: SpeechSpan, parts: Iterable[tuple[SpeechSpan, WindowResult]], language_of: WindowResult
) -> WindowResult:
    """The results of the parts of `span` as one result, as if it had been one window."""
    placed = [shift_times(result, (part.start - span.start) / SAMPLE_RATE) for part, result in parts]
    return WindowResult(
        tuple(segment for part in placed for segment in part.segments),
        language_of.language,
        language_of.language_probability,
        tuple(dropped for part in placed for dropped in part.dropped),
        (span.stop - span.start) / SAMPLE_RATE,
        tuple(token for part in placed for token in part.tokens),
        max((part.temperature for part in placed), default=0.0),
    )


def confidence(result: WindowResult) -> float:
    """Mean log-probability, which decides between two results of the same audio; -inf without text."""
    return result.avg_logprob if result.segments else -math.inf


def shift_times(result: WindowResult, seconds: float) -> WindowResult:
    """The result with times that count from the start of the recording, in whole milliseconds."""
    return replace(
        result,
        segments=tuple(
            _shifted(replace(s, words=tuple(_shifted(w, seconds) for w in s.words)), seconds)
            for s in result.segments
        ),
        dropped=tuple(_shifted(dropped, seconds) for dropped in result.dropped),
    )


def _shifted(timed: Timed, seconds: float) -> Timed:
    return replace(timed, start=round(timed.start + seconds, 3), end=round(timed.end + seconds, 3))
