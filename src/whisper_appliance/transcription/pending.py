"""What the road has asked for: windows, runs of those that were hard to hear, and pieces that are read."""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.transcription.merging import merge_results
from whisper_appliance.transcription.segmentation import SpeechSpan, merge_spans

RETRY_BELOW_LOGPROB = -0.35

PendingResult = Future[WindowResult] | WindowResult


@dataclass(frozen=True, slots=True)
class SpanResult:
    """A span with what was heard in it, unless only `reading` it will tell, and what that says."""

    span: SpeechSpan
    result: WindowResult
    retry: Future[WindowResult] | None = None
    retry_only: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether nothing is to be waited for."""
        return self.retry is None or self.retry.done()


PendingSpan = tuple[SpeechSpan, PendingResult] | SpanResult


@dataclass(slots=True)
class RetryBatch:
    """Spans in a row that are hard to hear, to be read after the tokens `before` them.

    There is a result of each, or, where it is only read, one from nearby that tells the language.
    """

    context_tokens: tuple[int, ...]
    spans: list[SpeechSpan] = field(default_factory=list)
    results: list[WindowResult] = field(default_factory=list)

    @property
    def span(self) -> SpeechSpan:
        """All of it as one span."""
        return merge_spans(self.spans, self.spans[0].start, self.spans[-1].stop - self.spans[0].start)

    def with_retry(self, reading: Future[WindowResult], *, only_read: bool) -> SpanResult:
        """With what reading it will say."""
        result = merge_results(self.span, zip(self.spans, self.results, strict=False), self.results[0])
        return SpanResult(self.span, result, reading, only_read)


@dataclass(slots=True)
class Chunk:
    """Spans in a row; the first few are heard ahead of the others."""

    spans: list[SpeechSpan] = field(default_factory=list)
    probes: list[PendingResult] = field(default_factory=list)


def is_ready(asked: PendingSpan) -> bool:
    """Whether nothing is to be waited for."""
    if isinstance(asked, SpanResult):
        return asked.is_ready
    return not isinstance(asked[1], Future) or asked[1].done()


def is_low_confidence(result: WindowResult) -> bool:
    """Whether it is worth the time to read it again."""
    return result.avg_logprob < RETRY_BELOW_LOGPROB


def futures(asked: Iterable[PendingSpan]) -> list[Future[WindowResult]]:
    """The windows that are still waited for."""
    return [one[1] for one in asked if isinstance(one, tuple) and isinstance(one[1], Future)]
