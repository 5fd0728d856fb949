"""The one road: find speech, cut windows, ask the engine, drop what was invented.

Windows are heard side by side, or one by one where each needs the one before.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import Any, Protocol

from whisper_appliance.errors import Cancelled
from whisper_appliance.speech.engine import (
    SAMPLE_RATE,
    Options,
    Priority,
    Samples,
    Window,
    WindowResult,
)
from whisper_appliance.speech.engine_process import EngineProcess
from whisper_appliance.speech.guard import guarded
from whisper_appliance.speech.reading import after, ahead, read
from whisper_appliance.speech.results import as_one, moved, sureness
from whisper_appliance.speech.transcript import Notice
from whisper_appliance.speech.voice import FRAME, Cutting, Probabilities, Span, joined, spans

CANCEL_CHECK_SECONDS = 0.2
UNSURE_LOGPROB = -0.4
RUN_WINDOWS = 4
PIECE_WINDOWS = 8
SURE_OF_LANGUAGE = 0.5
WINDOWS_TO_BE_SURE = 3


class Source(Protocol):
    """What is needed of a recording; `speech.recording.Recording` has it."""

    def blocks(self, seconds: float = 30.0) -> Iterator[Samples]: ...
    def read(self, start: int, stop: int) -> Samples: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def estimated_seconds(self) -> float | None: ...
    @property
    def notices(self) -> tuple[Notice, ...]: ...
    @property
    def audio_sha256(self) -> str: ...


@dataclass(frozen=True, slots=True)
class WindowDone:
    """A window that was heard; times of `result` count from the recording's start, `progress` from 0 to 1."""

    index: int
    start_sample: int
    stop_sample: int
    result: WindowResult
    progress: float


_Asked = tuple[Span, Future[WindowResult] | WindowResult]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A span with what was heard in it, and what a second hearing says as soon as it is there."""

    span: Span
    result: WindowResult
    again: Future[WindowResult] | None = None

    @property
    def is_there(self) -> bool:
        return self.again is None or self.again.done()


@dataclass(slots=True)
class _HardRun:
    """Spans in a row that were hard to hear."""

    before: tuple[int, ...]
    spans: list[Span] = field(default_factory=list)
    results: list[WindowResult] = field(default_factory=list)


@dataclass
class Road:
    """One recording on its way: windows side by side, or one by one where each needs the one before."""

    recording: Source
    engine: EngineProcess
    options: Options
    priority: Priority
    cutting: Cutting
    finished: Mapping[int, WindowResult]
    on_window: Callable[[WindowDone], None]
    cancelled: Callable[[], bool]
    told: int = 0
    learned: int = 0
    turn: int = 0
    before: tuple[int, ...] = ()
    language: str = ""
    language_probability: float = 0.0
    ended: bool = False

    def results(self) -> Iterator[WindowResult]:
        """The result of each window in order, with times of the recording."""
        windows = spans(self._probabilities(), self.cutting, gate=self.options.vad)
        way = self._in_pieces if self.options.quality == "accurate" else self._side_by_side
        with ThreadPoolExecutor(self.engine.spec.workers) as readers:
            try:
                yield from way(windows, readers)
            finally:
                self.ended = True
                readers.shutdown(wait=False, cancel_futures=True)

    def _probabilities(self) -> Iterator[Probabilities]:
        """Frame by frame; the last one is filled up with silence, as the detector needs whole ones."""
        import numpy as np

        voice = self.engine.listen()
        try:
            rest = 0
            for block in self.recording.blocks():
                self._check()
                rest = (rest + len(block)) % FRAME
                yield voice.feed(block)
            if rest:
                yield voice.feed(np.zeros(FRAME - rest, np.float32))
        finally:
            voice.close()

    def _in_pieces(self, windows: Iterator[Span], readers: ThreadPoolExecutor) -> Iterator[WindowResult]:
        """Pieces of some minutes side by side, each read from its beginning to its end."""
        under_way: deque[Iterator[tuple[Span, WindowResult]]] = deque()
        while piece := list(islice(windows, PIECE_WINDOWS)):
            under_way.append(ahead(self._piece(piece), readers))
            first = self._told(under_way[0])
            while self.options.language is None and (result := next(first, None)):
                yield result
            if len(under_way) > self.engine.spec.workers:
                yield from self._told(under_way.popleft())
        for reading in under_way:
            yield from self._told(reading)

    def _piece(self, piece: list[Span]) -> Iterator[tuple[Span, WindowResult]]:
        return self._reading(iter(piece), self._hear, ())

    def _told(self, reading: Iterator[tuple[Span, WindowResult]]) -> Iterator[WindowResult]:
        for span, result in reading:
            self._learn(result)
            yield self._settle(_Heard(span, result))

    def _side_by_side(self, windows: Iterator[Span], readers: ThreadPoolExecutor) -> Iterator[WindowResult]:
        """Windows are asked ahead; what was hard to hear is read again while others are heard."""
        asked: deque[_Asked] = deque()
        heard: deque[_Heard] = deque()
        run: _HardRun | None = None
        try:
            for span in chain(self._unfinished(windows), (None,)):
                if span is not None:
                    asked.append((span, self._ask(span)))
                ahead = self.engine.ahead if span is not None else 0
                while asked and (len(asked) > ahead or _is_there(asked[0][1])):
                    run = self._take(*asked.popleft(), run, heard, readers)
                    while heard and heard[0].is_there:
                        yield self._settle(heard.popleft())
                if span is None:
                    heard.extend(self._read_again(run, readers))
                while heard and (len(heard) > ahead or heard[0].is_there):
                    yield self._settle(heard.popleft())
        finally:
            for _, answer in asked:
                if isinstance(answer, Future):
                    answer.cancel()

    def _unfinished(self, windows: Iterator[Span]) -> Iterator[Span]:
        """Without the spans that lie within what an earlier attempt heard as one."""
        covered = 0
        for span in windows:
            if span.start in self.finished:
                covered = span.start + round(self.finished[span.start].heard_seconds * SAMPLE_RATE)
            elif span.start < covered:
                continue
            yield span

    def _take(
        self, span: Span, answer: Future[WindowResult] | WindowResult, run: _HardRun | None,
        heard: deque[_Heard], readers: ThreadPoolExecutor,
    ) -> _HardRun | None:  # fmt: skip
        """Puts an answer in its place: into the run of what was hard to hear, or behind it."""
        result = answer if isinstance(answer, WindowResult) else self._first_hearing(span, answer)
        hard = self._is_hard(result) and span.start not in self.finished
        if hard:
            run = run or _HardRun(self.before)
            run.spans.append(span)
            run.results.append(result)
        if run and (not hard or len(run.spans) == RUN_WINDOWS):
            heard.extend(self._read_again(run, readers))
            run = None
        if not hard:
            heard.append(_Heard(span, result))
        self._learn(result)
        return run

    def _first_hearing(self, span: Span, answer: Future[WindowResult]) -> WindowResult:
        result = self._wait(answer)
        if self.options.language not in (None, result.language):  # asked before the language was known
            result = self._wait(self._submit(span, self.options))
        return result

    def _is_hard(self, result: WindowResult) -> bool:
        unsure = result.avg_logprob < UNSURE_LOGPROB
        return unsure and bool(self.before) and self.options.quality == "balanced"

    def _read_again(self, run: _HardRun | None, readers: ThreadPoolExecutor) -> Iterator[_Heard]:
        if run is not None:
            first, last = run.spans[0], run.spans[-1]
            whole = joined(run.spans, first.start, last.stop - first.start)
            pairs = zip(run.spans, run.results, strict=True)
            result = as_one(whole, pairs, run.results[0])
            yield _Heard(whole, result, readers.submit(self._read, run, whole))

    def _read(self, run: _HardRun, whole: Span) -> WindowResult:
        """Reads the spans one after the other, with all that helps."""
        options = replace(
            self.options, quality="accurate", language=self.options.language or run.results[0].language
        )

        def hear(span: Span, before: tuple[int, ...]) -> WindowResult:
            return self._wait(self._submit(span, options, before=before, to_the_end=False))

        parts = self._reading(iter(run.spans), hear, run.before)
        return as_one(whole, parts, run.results[0])

    @property
    def _reading(self) -> Callable[..., Iterator[tuple[Span, WindowResult]]]:
        return partial(read, gate=self.options.vad)

    def _hear(self, span: Span, before: tuple[int, ...]) -> WindowResult:
        asked = self._ask(span, before=before, to_the_end=False)
        return asked if isinstance(asked, WindowResult) else self._wait(asked)

    def _ask(self, span: Span, **how: Any) -> Future[WindowResult] | WindowResult:
        if span.start in self.finished:
            return self.finished[span.start]
        self.turn += 1
        return self._submit(span, self.options, **how)

    def _submit(
        self, span: Span, options: Options, *, before: tuple[int, ...] = (), to_the_end: bool = True
    ) -> Future[WindowResult]:
        samples = self.recording.read(span.start, span.stop)
        window = Window(samples, options, before, to_the_end)
        return self.engine.submit(window, priority=self.priority, turn=max(self.turn - 1, 0))

    def _settle(self, heard: _Heard) -> WindowResult:
        """The surer of two hearings, without what was invented; told to whoever listens."""
        span, result = heard.span, heard.result
        if span.start in self.finished:
            return result
        if heard.again is not None:
            result = max(result, self._wait(heard.again), key=sureness)
        result = guarded(moved(result, span.start / SAMPLE_RATE), span.voice)
        self.on_window(WindowDone(self.told, span.start, span.stop, result, self._progress(span)))
        self.told += 1
        return result

    def _learn(self, heard: WindowResult) -> None:
        """Keeps what helps with the next windows: the last words, and the language once it is sure."""
        self.learned += 1
        self.before = after(self.before, heard)
        if self.options.language is None or not self.language:
            self.language, self.language_probability = heard.language, heard.language_probability
            if heard.language_probability >= SURE_OF_LANGUAGE or self.learned >= WINDOWS_TO_BE_SURE:
                self.options = replace(self.options, language=heard.language)

    def _wait(self, answer: Future[WindowResult]) -> WindowResult:
        while not wait([answer], CANCEL_CHECK_SECONDS).done:
            self._check(answer)
        self._check()
        return answer.result()

    def _check(self, answer: Future[WindowResult] | None = None) -> None:
        if self.ended or self.cancelled():
            if answer:
                answer.cancel()
            raise Cancelled("The job was cancelled.")

    def _progress(self, span: Span) -> float:
        seconds = self.recording.estimated_seconds
        return min(span.stop / SAMPLE_RATE / seconds, 1.0) if seconds else 0.0


def _is_there(answer: Future[WindowResult] | WindowResult) -> bool:
    return not isinstance(answer, Future) or answer.done()
