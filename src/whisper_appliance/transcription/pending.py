"""What the road has asked for: windows, runs of those that were hard to hear, and pieces that are read."""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from whisper_appliance.engines.contract import WindowResult
from whisper_appliance.engines.vad import Span, joined
from whisper_appliance.transcription.merging import as_one

UNSURE_LOGPROB = -0.35

Answer = Future[WindowResult] | WindowResult


@dataclass(frozen=True, slots=True)
class Heard:
    """A span with what was heard in it, unless only `reading` it will tell, and what that says."""

    span: Span
    result: WindowResult
    reading: Future[WindowResult] | None = None
    only_read: bool = False

    @property
    def is_there(self) -> bool:
        """Whether nothing is to be waited for."""
        return self.reading is None or self.reading.done()


Asked = tuple[Span, Answer] | Heard


@dataclass(slots=True)
class Run:
    """Spans in a row that are hard to hear, to be read after the tokens `before` them.

    There is a result of each, or, where it is only read, one from nearby that tells the language.
    """

    before: tuple[int, ...]
    spans: list[Span] = field(default_factory=list)
    results: list[WindowResult] = field(default_factory=list)

    @property
    def whole(self) -> Span:
        """All of it as one span."""
        return joined(self.spans, self.spans[0].start, self.spans[-1].stop - self.spans[0].start)

    def heard(self, reading: Future[WindowResult], *, only_read: bool) -> Heard:
        """With what reading it will say."""
        result = as_one(self.whole, zip(self.spans, self.results, strict=False), self.results[0])
        return Heard(self.whole, result, reading, only_read)


@dataclass(slots=True)
class Piece:
    """Spans in a row; the first few are heard ahead of the others."""

    spans: list[Span] = field(default_factory=list)
    sample: list[Answer] = field(default_factory=list)


def is_there(asked: Asked) -> bool:
    """Whether nothing is to be waited for."""
    if isinstance(asked, Heard):
        return asked.is_there
    return not isinstance(asked[1], Future) or asked[1].done()


def is_unsure(result: WindowResult) -> bool:
    """Whether it is worth the time to read it again."""
    return result.avg_logprob < UNSURE_LOGPROB


def futures(asked: Iterable[Asked]) -> list[Future[WindowResult]]:
    """The windows that are still waited for."""
    return [one[1] for one in asked if isinstance(one, tuple) and isinstance(one[1], Future)]
