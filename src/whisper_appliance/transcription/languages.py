"""Languages of a recording: the main one, and stretches that are clearly in another.

A recording begins to have a main language with its first window that is sure enough. A later window that is
unsure of its own is decoded in the main one; one that may hold several is detected again piece by piece.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.engines.vad import FRAME, FRAME_SECONDS, SILENCE_BELOW
from whisper_appliance.transcription.merging import confidence, merge_results
from whisper_appliance.transcription.segmentation import SpeechSpan

MAIN_LANGUAGE_PROBABILITY = 0.5
MAIN_LANGUAGE_WINDOWS = 3
SURE_PROBABILITY = 0.8
"""A window is in one language if it is detected with this probability."""
UNSURE_PROBABILITY = 0.5
"""Below it the language that was detected is not taken for another than the main one."""
LIKELY_PROBABILITY = 0.65
"""Of windows that were detected differently, one must be in its language with this probability."""
DOUBTFUL_LOGPROB = -0.6
"""A text of lower confidence may hold another language than the detected one."""
PIECE_PROBABILITY = 0.9
"""A piece is in another language than the main one from this probability on."""
PAIR_PROBABILITY = 0.75
"""Of two pieces after each other in the same language, each needs this one only."""
MIN_PIECE_SECONDS = 2.5
MIN_PAUSE_SECONDS = 0.25

Decode = Callable[[SpeechSpan, str | None], WindowResult]
"""Decodes a span in a language, or in the one that is detected."""
Detect = Callable[[list[SpeechSpan]], list[WindowResult]]
"""Detects the language of each span."""


@dataclass(slots=True)
class MainLanguage:
    """The main language of a recording, settled by its first windows in order."""

    language: str = ""
    probability: float = 0.0
    settled: bool = False
    windows: int = 0

    def add(self, result: WindowResult) -> None:
        """Takes the result of the next window."""
        self.windows += 1
        if self.settled or not result.segments:
            return
        self.language, self.probability = result.language, result.language_probability
        self.settled = self.probability >= MAIN_LANGUAGE_PROBABILITY or self.windows >= MAIN_LANGUAGE_WINDOWS


def by_language(
    span: SpeechSpan, result: WindowResult, main: MainLanguage, decode: Decode, detect: Detect
) -> WindowResult:
    """The result of a span, whose language was detected as a whole, with each stretch in its own language."""
    expected = main.language if main.settled else result.language
    probability = result.language_probability
    if result.language == expected:
        doubtful = not main.settled or result.avg_logprob < DOUBTFUL_LOGPROB
        if not result.may_be_mixed and (probability >= SURE_PROBABILITY or not doubtful):
            return result
    elif probability < UNSURE_PROBABILITY:
        return decode(span, expected)
    pieces = list(_pieces(span))
    detected = detect(pieces) if len(pieces) > 1 else [result]
    named = zip(_languages(detected, expected), pieces, strict=True)
    groups = [(name, [piece for _, piece in group]) for name, group in groupby(named, lambda pair: pair[0])]
    if len(groups) == 1 and groups[0][0] == result.language:
        return _more_confident(result, span, expected, decode)
    parts: list[tuple[SpeechSpan, WindowResult]] = []
    for language, group in groups:
        part = SpeechSpan(group[0].start, group[-1].stop, group[0].first_frame, _frames(group))
        parts.append((part, _more_confident(decode(part, language), part, expected, decode)))
    if all(one.language == result.language for _, one in parts):
        return result
    longest = max(parts, key=lambda part: part[0].stop - part[0].start)[1]
    return merge_results(span, parts, longest)


def _more_confident(result: WindowResult, span: SpeechSpan, expected: str, decode: Decode) -> WindowResult:
    """The result, or the one in the expected language where that is the more confident."""
    if result.language == expected:
        return result
    return max(result, decode(span, expected), key=confidence)


def is_mixed(result: WindowResult) -> bool:
    """Whether a result has segments in several languages."""
    return len({segment.language for segment in result.segments}) > 1


def surest(results: Sequence[WindowResult]) -> WindowResult:
    """The result whose language is the most probable."""
    return max(results, key=lambda one: one.language_probability)


def in_one_language(spans: Iterable[SpeechSpan], results: Sequence[WindowResult], detect: Detect) -> bool:
    """Whether windows hold one language: the same was detected in all, or the surest in all their pieces.

    A window between languages is often detected as one that nobody speaks (Latin, say), with some 0.5.
    """
    best = surest(results)
    others = [(span, one) for span, one in zip(spans, results, strict=False) if one.language != best.language]
    if others and best.language_probability < LIKELY_PROBABILITY:
        return False
    return all(_holds_only(best.language, span, one, detect) for span, one in others)


def _holds_only(language: str, span: SpeechSpan, result: WindowResult, detect: Detect) -> bool:
    """Whether no piece of a window that was detected as another language is surely in another one."""
    if result.language_probability < UNSURE_PROBABILITY:
        return True
    if result.language_probability >= SURE_PROBABILITY:
        return False
    pieces = list(_pieces(span))
    return len(pieces) > 1 and set(_languages(detect(pieces), language)) == {language}


def _languages(detected: list[WindowResult], expected: str) -> Iterator[str]:
    """The language of each piece: of an unsure one, the expected or that of the piece before.

    A language of which another piece is sure needs less to be taken for this one's.
    """
    sure = {one.language for one in detected if one.language_probability >= PIECE_PROBABILITY}
    sure |= {
        one.language
        for one, other in pairwise(detected)
        if one.language == other.language
        and min(one.language_probability, other.language_probability) >= PAIR_PROBABILITY
    }
    before = expected
    for one in detected:
        is_likely = one.language in sure and one.language_probability >= UNSURE_PROBABILITY
        if is_likely or one.language == expected:
            before = one.language
        yield before


def _pieces(span: SpeechSpan) -> Iterator[SpeechSpan]:
    """The span cut in the middle of its pauses, each piece at least `MIN_PIECE_SECONDS` long."""
    first = max(span.start // FRAME - span.first_frame, 0)
    frames = span.probabilities[first : max(span.stop // FRAME - span.first_frame, 0)]
    span = SpeechSpan(span.start, span.stop, span.first_frame + first, frames)
    edges = [0, *_pauses(span), len(span.probabilities)]
    kept = [0]
    for edge in edges[1:]:
        if (edge - kept[-1]) * FRAME_SECONDS >= MIN_PIECE_SECONDS or edge == edges[-1]:
            kept.append(edge)
    if len(kept) > 2 and (kept[-1] - kept[-2]) * FRAME_SECONDS < MIN_PIECE_SECONDS:
        del kept[-2]
    for begin, end in pairwise(kept):
        start = span.start if begin == 0 else (span.first_frame + begin) * FRAME
        stop = span.stop if end == edges[-1] else (span.first_frame + end) * FRAME
        yield SpeechSpan(start, stop, span.first_frame + begin, frames[begin:end])


def _pauses(span: SpeechSpan) -> Iterator[int]:
    """The middle frame of each pause."""
    quiet = 0
    for frame, probability in enumerate(span.probabilities):
        if probability < SILENCE_BELOW:
            quiet += 1
            continue
        if quiet * FRAME_SECONDS >= MIN_PAUSE_SECONDS and quiet < frame:
            yield frame - quiet // 2
        quiet = 0


def _frames(pieces: list[SpeechSpan]) -> tuple[float, ...]:
    return tuple(probability for piece in pieces for probability in piece.probabilities)
