"""Pending work of the pipeline: submitted windows, batches of low-confidence windows to retry, and chunks."""

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
    """A span, its first-pass result, and the future of its retry (if one was submitted).

    `retry_only`: there is no first pass; `result` only gives the language.
    """

    span: SpeechSpan
    result: WindowResult
    retry: Future[WindowResult] | None = None
    retry_only: bool = False

    @property
    def is_ready(self) -> bool:
        """True if no future is pending."""
        return self.retry is None or self.retry.done()


PendingSpan = tuple[SpeechSpan, PendingResult] | SpanResult


@dataclass(slots=True)
class RetryBatch:
    """Consecutive low-confidence spans in one language, to be decoded again sequentially.

    `results` holds the first pass of each span, or, without a first pass, one nearby result for the language.
    Nothing from before the batch is its context, so that an attempt after a restart decodes it alike.
    """

    spans: list[SpeechSpan] = field(default_factory=list)
    results: list[WindowResult] = field(default_factory=list)

    @property
    def span(self) -> SpeechSpan:
        """All spans of the batch as one."""
        return merge_spans(self.spans, self.spans[0].start, self.spans[-1].stop - self.spans[0].start)

    def with_retry(self, retry: Future[WindowResult], *, retry_only: bool) -> SpanResult:
        """The batch as one span, with the future of its retry."""
        result = merge_results(self.span, zip(self.spans, self.results, strict=False), self.results[0])
        return SpanResult(self.span, result, retry, retry_only)


@dataclass(slots=True)
class Chunk:
    """Consecutive spans; `probes` are the results of the first few, which decide how the rest is decoded.

    `submitted` is how many of the spans have been submitted, `used_probes` how many results were for them.
    """

    spans: list[SpeechSpan] = field(default_factory=list)
    probes: list[PendingResult] = field(default_factory=list)
    submitted: int = 0
    used_probes: int = 0

    @property
    def is_submitted(self) -> bool:
        """True if no span is left to be submitted."""
        return self.submitted == len(self.spans)

    def use_probe(self) -> PendingResult:
        """The result of the next span that was probed."""
        self.used_probes += 1
        return self.probes[self.used_probes - 1]


def is_ready(pending: PendingSpan) -> bool:
    """True if no future is pending."""
    if isinstance(pending, SpanResult):
        return pending.is_ready
    return not isinstance(pending[1], Future) or pending[1].done()


def is_low_confidence(result: WindowResult) -> bool:
    """True if the mean log-probability is so low that the window is retried."""
    return result.avg_logprob < RETRY_BELOW_LOGPROB


def futures(pending: Iterable[PendingSpan]) -> list[Future[WindowResult]]:
    """The futures of submitted windows."""
    return [one[1] for one in pending if isinstance(one, tuple) and isinstance(one[1], Future)]
