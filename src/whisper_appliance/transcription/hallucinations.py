"""Removes hallucinated segments (silence, noise, boilerplate, loops) and records each with its reason."""

import re
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import groupby
from statistics import median

from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.engines.whisper.repetition import is_plausible_speech
from whisper_appliance.transcript.model import Dropped, Segment

MAX_NO_SPEECH_VAD = 0.1
MAX_BOILERPLATE_VAD = 0.4
LOW_CONFIDENCE_LOGPROB = -0.5
MIN_REPEATS = 4
MIN_REPEATED_CHARACTERS = 4
PAUSE_VAD = 0.5
ROUNDING_SECONDS = 0.02
REPETITION = "repetition"


@cache
def boilerplate() -> frozenset[str]:
    """Subtitle credits that Whisper hallucinates over silence, without case and punctuation.

    Collected by openai/whisper's users (discussion 928 of its repository).
    """
    return frozenset(
        files("whisper_appliance.transcription").joinpath("boilerplate.txt").read_text("utf-8").splitlines()
    )


def filter_hallucinations(
    result: WindowResult,
    speech_probability: Callable[[float, float], float],
    vocabulary: str = "",
    starts: Sequence[float] = (),
) -> WindowResult:
    """The result without hallucinations; each goes to `dropped` with its reason.

    `speech_probability` is the mean VAD probability between two times in seconds; `vocabulary` are the words
    that the user expects, which Whisper writes over silence. `starts` are the times at which parts begin that
    were decoded by themselves: a loop does not go on from one to the next.
    """
    edges = sorted(starts)
    kept: list[Segment] = []
    dropped = list(result.dropped)
    expected = _normalized(vocabulary)
    for _, group in groupby(
        result.segments,
        lambda segment: (bisect(edges, segment.start + ROUNDING_SECONDS), _normalized(segment.text)),
    ):
        voiced: list[Segment] = []
        for segment in group:
            reason = _reason(segment, speech_probability(segment.start, segment.end), expected)
            if reason:
                dropped.append(_dropped([segment], reason))
            else:
                voiced.append(segment)
        real = _real_copies(voiced, speech_probability)
        kept += voiced[:real]
        if voiced[real:]:
            dropped.append(_dropped(voiced[real:], REPETITION))
    return replace(result, segments=tuple(kept), dropped=tuple(dropped))


def _dropped(segments: Sequence[Segment], reason: str) -> Dropped:
    text = "".join(segment.text for segment in segments).strip()
    return Dropped(segments[0].start, segments[-1].end, text, reason)


def _reason(segment: Segment, speech: float, expected: str) -> str | None:
    if speech < MAX_NO_SPEECH_VAD and segment.avg_logprob < LOW_CONFIDENCE_LOGPROB:
        return "no voice"
    if speech < MAX_BOILERPLATE_VAD and _normalized(segment.text) in boilerplate():
        return "boilerplate over silence"
    if speech < MAX_BOILERPLATE_VAD and expected and _normalized(segment.text) in expected:
        return "vocabulary over silence"
    return None


def _real_copies(copies: Sequence[Segment], speech_probability: Callable[[float, float], float]) -> int:
    """How many of the segments with the same text in a row were said; the others are a repetition loop.

    A sentence that is said again takes its time, and there is a pause before it. Of a loop that runs over
    other speech, none was said.
    """
    count = len(copies)
    if count < 2 or len(copies[0].text.strip()) < MIN_REPEATED_CHARACTERS:
        return count
    voiced = [speech_probability(copy.start, copy.end) * (copy.end - copy.start) for copy in copies]
    plausible = [
        seconds
        for copy, seconds in zip(copies, voiced, strict=True)
        if is_plausible_speech(copy.text, seconds)
    ]
    if not plausible:
        return 1 if count < MIN_REPEATS else 0
    start, end = copies[0].start, copies[-1].end
    rounds = min(round(speech_probability(start, end) * (end - start) / median(plausible)), count)
    pauses = sum(_is_pause(copy.start, speech_probability) for copy in copies[1:rounds])
    if count >= MIN_REPEATS and 2 * pauses < rounds - 1:
        return 0
    return max(rounds, 1)


def _is_pause(seconds: float, speech_probability: Callable[[float, float], float]) -> bool:
    """Whether there is a pause near this time."""
    near = (seconds + step * 0.1 for step in range(-5, 6))
    return any(speech_probability(time - 0.05, time + 0.05) < PAUSE_VAD for time in near)


def _normalized(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[-–—]", " ", text).casefold()).strip().translate(_NO_PUNCTUATION)


_NO_PUNCTUATION = {ord(c): None for c in "!\"#$%&'()*+,./:;<=>?@[]^_`{|}~。、！？「」『』“”‘’…¿¡«»"}
