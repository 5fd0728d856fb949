"""What Whisper invents over silence and noise is left out, and it is said what and why."""

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
    """Lines of subtitle credits that Whisper writes where nobody speaks, without case and punctuation.

    Collected by openai/whisper's users (discussion 928 of its repository).
    """
    return frozenset(
        files("whisper_appliance.transcription").joinpath("boilerplate.txt").read_text("utf-8").splitlines()
    )


def filter_hallucinations(result: WindowResult, voice: Callable[[float, float], float]) -> WindowResult:
    """The result without what was invented; `voice` is the mean probability of speech between two times."""
    kept: list[Segment] = []
    dropped = list(result.dropped)
    for segment in result.segments:
        reason = _reason(segment, voice(segment.start, segment.end)) or _repeats(segment, kept)
        if reason:
            dropped.append(Dropped(segment.start, segment.end, segment.text.strip(), reason))
        else:
            kept.append(segment)
    return replace(result, segments=tuple(kept), dropped=tuple(dropped))


def _reason(segment: Segment, voice: float) -> str | None:
    if voice < MAX_NO_SPEECH_VAD and segment.avg_logprob < LOW_CONFIDENCE_LOGPROB:
        return "no voice"
    if voice < MAX_BOILERPLATE_VAD and _plain(segment.text) in boilerplate():
        return "boilerplate over silence"
    return None


def _repeats(segment: Segment, before: Iterable[Segment]) -> str | None:
    """The same line again and again is a loop that runs over several segments."""
    last = list(before)[-(MIN_REPEATS - 1) :]
    text = _plain(segment.text)
    if len(last) == MIN_REPEATS - 1 and " " in text and all(_plain(s.text) == text for s in last):
        return "repetition"
    return None


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[-–—]", " ", text).casefold()).strip().translate(_NO_PUNCTUATION)


_NO_PUNCTUATION = {ord(c): None for c in "!\"#$%&'()*+,./:;<=>?@[]^_`{|}~。、！？「」『』“”‘’…¿¡«»"}
