"""Removes hallucinated segments (silence, noise, boilerplate, loops) and records each with its reason."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from importlib.resources import files

from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.transcript.model import Dropped, Segment

MAX_NO_SPEECH_VAD = 0.1
MAX_BOILERPLATE_VAD = 0.4
LOW_CONFIDENCE_LOGPROB = -0.5
MIN_REPEATS = 4


@cache
def boilerplate() -> frozenset[str]:
    """Subtitle credits that Whisper hallucinates over silence, without case and punctuation.

    Collected by openai/whisper's users (discussion 928 of its repository).
    """
    return frozenset(
        files("whisper_appliance.transcription").joinpath("boilerplate.txt").read_text("utf-8").splitlines()
    )


def filter_hallucinations(
    result: WindowResult, speech_probability: Callable[[float, float], float]
) -> WindowResult:
    """The result without hallucinations; each goes to `dropped` with its reason.

    `speech_probability` is the mean VAD probability between two times in seconds.
    """
    kept: list[Segment] = []
    dropped = list(result.dropped)
    for segment in result.segments:
        reason = _reason(segment, speech_probability(segment.start, segment.end)) or _repeats(segment, kept)
        if reason:
            dropped.append(Dropped(segment.start, segment.end, segment.text.strip(), reason))
        else:
            kept.append(segment)
    return replace(result, segments=tuple(kept), dropped=tuple(dropped))


def _reason(segment: Segment, speech: float) -> str | None:
    if speech < MAX_NO_SPEECH_VAD and segment.avg_logprob < LOW_CONFIDENCE_LOGPROB:
        return "no voice"
    if speech < MAX_BOILERPLATE_VAD and _normalized(segment.text) in boilerplate():
        return "boilerplate over silence"
    return None


def _repeats(segment: Segment, before: Iterable[Segment]) -> str | None:
    """The same line several times in a row is a repetition loop across segments."""
    last = list(before)[-(MIN_REPEATS - 1) :]
    text = _normalized(segment.text)
    if len(last) == MIN_REPEATS - 1 and " " in text and all(_normalized(s.text) == text for s in last):
        return "repetition"
    return None


def _normalized(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[-–—]", " ", text).casefold()).strip().translate(_NO_PUNCTUATION)


_NO_PUNCTUATION = {ord(c): None for c in "!\"#$%&'()*+,./:;<=>?@[]^_`{|}~。、！？「」『』“”‘’…¿¡«»"}
