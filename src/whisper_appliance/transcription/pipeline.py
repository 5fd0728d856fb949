"""The one road: find speech, cut windows, ask the engine, drop what was invented.

Windows are heard side by side, or one by one where each needs the one before.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any

from whisper_appliance.audio.audio_source import Source
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import Cancelled
from whisper_appliance.engines.contract import Options, Priority, Window, WindowResult
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.engines.vad import FRAME, Cutting, Probabilities, Span, spans
from whisper_appliance.transcription.gaps import filled
from whisper_appliance.transcription.hallucinations import guarded
from whisper_appliance.transcription.merging import as_one, moved, sureness
from whisper_appliance.transcription.pending import (
    Answer,
    Asked,
    Heard,
    Piece,
    Run,
    futures,
    is_there,
    is_unsure,
)
from whisper_appliance.transcription.sequential import after, ahead, read

CANCEL_CHECK_SECONDS = 0.2
RUN_WINDOWS = 4
PIECE_WINDOWS = 8
SAMPLE_WINDOWS = 2
SURE_OF_LANGUAGE = 0.5
WINDOWS_TO_BE_SURE = 3


@dataclass(frozen=True, slots=True)
class WindowDone:
    """A window that was heard; times of `result` count from the recording's start, `progress` from 0 to 1."""

    index: int
    start_sample: int
    stop_sample: int
    result: WindowResult
    progress: float


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
            yield self._settle(Heard(span, result))

    def _side_by_side(self, windows: Iterator[Span], readers: ThreadPoolExecutor) -> Iterator[WindowResult]:
        """Windows are asked ahead; what was hard to hear is read while others are heard."""
        asked: deque[Asked] = deque()
        heard: deque[Heard] = deque()
        run: Run | None = None
        try:
            for one in chain(self._asked(self._unfinished(windows), readers), (None,)):
                if one is not None:
                    asked.append(one)
                ahead = self.engine.ahead if one is not None else 0
                while asked and (len(asked) > ahead or is_there(asked[0])):
                    run = self._take(asked.popleft(), run, heard, readers)
                    while heard and heard[0].is_there:
                        yield self._settle(heard.popleft())
                if one is None:
                    heard.extend(self._read_again(run, readers))
                while heard and (len(heard) > ahead or heard[0].is_there):
                    yield self._settle(heard.popleft())
        finally:
            for answer in futures(asked):
                answer.cancel()

    def _asked(self, windows: Iterator[Span], readers: ThreadPoolExecutor) -> Iterator[Asked]:
        """What is heard window by window, and what is read at once because it begins too hard for that.

        The next piece is sampled before it is decided about one, so that the engine never waits.
        """
        pieces: deque[Piece] = deque()
        for span in windows:
            if self.options.quality != "balanced":
                yield span, self._ask(span)
                continue
            if not pieces or len(pieces[-1].spans) == PIECE_WINDOWS:
                pieces.append(Piece())
            pieces[-1].spans.append(span)
            if len(pieces[-1].spans) <= SAMPLE_WINDOWS:
                pieces[-1].sample.append(self._ask(span))
            elif len(pieces) > 1:
                yield from self._decided(pieces.popleft(), readers)
        for piece in pieces:
            yield from self._decided(piece, readers)

    def _decided(self, piece: Piece, readers: ThreadPoolExecutor) -> Iterator[Asked]:
        rest = piece.spans[len(piece.sample) :]
        sample = [self._answer(answer) for answer in piece.sample] if rest else []
        if rest and all(map(is_unsure, sample)):
            for at in range(0, len(piece.spans), RUN_WINDOWS):
                run = Run((), piece.spans[at : at + RUN_WINDOWS], sample[:1])
                yield run.heard(readers.submit(self._read, run), only_read=True)
        else:
            yield from zip(piece.spans, piece.sample, strict=False)
            yield from ((span, self._ask(span)) for span in rest)

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
        self, one: Asked, run: Run | None, heard: deque[Heard], readers: ThreadPoolExecutor
    ) -> Run | None:
        """Puts an answer in its place: into the run of what was hard to hear, or behind it."""
        if isinstance(one, Heard):
            heard.extend((*self._read_again(run, readers), one))
            self._learn(one.result)
            self.before = ()
            return None
        span, answer = one
        result = answer if isinstance(answer, WindowResult) else self._first_hearing(span, answer)
        hard = self._is_hard(result) and span.start not in self.finished
        if hard:
            run = run or Run(self.before)
            run.spans.append(span)
            run.results.append(result)
        if run and (not hard or len(run.spans) == RUN_WINDOWS):
            heard.extend(self._read_again(run, readers))
            run = None
        if not hard:
            heard.append(Heard(span, result))
        self._learn(result)
        return run

    def _first_hearing(self, span: Span, answer: Future[WindowResult]) -> WindowResult:
        result = self._wait(answer)
        if self.options.language not in (None, result.language):  # asked before the language was known
            result = self._wait(self._submit(span, self.options))
        return result

    def _is_hard(self, result: WindowResult) -> bool:
        return self.learned > 0 and self.options.quality == "balanced" and is_unsure(result)

    def _read_again(self, run: Run | None, readers: ThreadPoolExecutor) -> Iterator[Heard]:
        if run is not None:
            yield run.heard(readers.submit(self._read, run), only_read=False)

    def _read(self, run: Run) -> WindowResult:
        """Reads the spans one after the other, with all that helps."""
        options = replace(
            self.options, quality="accurate", language=self.options.language or run.results[0].language
        )

        def hear(span: Span, before: tuple[int, ...]) -> WindowResult:
            return self._wait(self._submit(span, options, before=before, to_the_end=False))

        parts = self._reading(iter(run.spans), hear, run.before)
        return as_one(run.whole, parts, run.results[0])

    @property
    def _reading(self) -> Callable[..., Iterator[tuple[Span, WindowResult]]]:
        return partial(read, gate=self.options.vad)

    def _hear(self, span: Span, before: tuple[int, ...]) -> WindowResult:
        return self._answer(self._ask(span, before=before, to_the_end=False))

    def _ask(self, span: Span, **how: Any) -> Answer:
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

    def _settle(self, heard: Heard) -> WindowResult:
        """The surer of two hearings, without what was invented; told to whoever listens."""
        span, result = heard.span, heard.result
        if span.start in self.finished:
            return result
        if heard.reading is not None:
            read = self._wait(heard.reading)
            result = read if heard.only_read else max(result, read, key=sureness)
        if self.options.vad:
            result = self._filled(span, result)
        result = guarded(moved(result, span.start / SAMPLE_RATE), span.voice)
        self.on_window(WindowDone(self.told, span.start, span.stop, result, self._progress(span)))
        self.told += 1
        return result

    def _filled(self, span: Span, result: WindowResult) -> WindowResult:
        """With what the decoder passed over."""
        options = replace(self.options, quality="fast", language=self.options.language or result.language)
        return filled(result, span, lambda hole: self._wait(self._submit(hole, options)))

    def _learn(self, heard: WindowResult) -> None:
        """Keeps what helps with the next windows: the last words, and the language once it is sure."""
        self.learned += 1
        self.before = after(self.before, heard)
        if self.options.language is None or not self.language:
            self.language, self.language_probability = heard.language, heard.language_probability
            if heard.language_probability >= SURE_OF_LANGUAGE or self.learned >= WINDOWS_TO_BE_SURE:
                self.options = replace(self.options, language=heard.language)

    def _answer(self, answer: Answer) -> WindowResult:
        return answer if isinstance(answer, WindowResult) else self._wait(answer)

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
