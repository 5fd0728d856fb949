"""The one road: find speech, cut windows, ask the engine, drop what was invented.

Windows are heard side by side, or one by one where each needs the one before.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from whisper_appliance.errors import Cancelled
from whisper_appliance.speech.engine import (
    MAX_WINDOW_SECONDS,
    SAMPLE_RATE,
    Options,
    Priority,
    Samples,
    Window,
    WindowResult,
)
from whisper_appliance.speech.engine_process import EngineProcess
from whisper_appliance.speech.guard import guarded
from whisper_appliance.speech.transcript import Dropped, Notice, Segment, Word
from whisper_appliance.speech.voice import FRAME, Cutting, Probabilities, Span, joined, spans

Timed = TypeVar("Timed", Segment, Word, Dropped)

CANCEL_CHECK_SECONDS = 0.2
UNRELIABLE_TEMPERATURE = 0.5
CONTEXT_TOKENS = 223
UNSURE_LOGPROB = -0.4
SPOKEN_REST_SECONDS = 0.2
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
_Doubted = tuple[Span, WindowResult, Future[WindowResult] | None]


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

    def results(self) -> Iterator[WindowResult]:
        """The result of each window in order, with times of the recording."""
        windows = spans(self._probabilities(), self.cutting, gate=self.options.vad)
        return (
            self._one_by_one(windows) if self.options.quality == "accurate" else self._side_by_side(windows)
        )

    def _probabilities(self) -> Iterator[Probabilities]:
        """Frame by frame; the last one is filled up with silence, as the detector needs whole ones."""
        voice = self.engine.listen()
        try:
            rest = 0
            for block in self.recording.blocks():
                self._check()
                rest = (rest + len(block)) % FRAME
                yield voice.feed(block)
            if rest:
                yield voice.feed(_silence(FRAME - rest))
        finally:
            voice.close()

    def _side_by_side(self, windows: Iterator[Span]) -> Iterator[WindowResult]:
        """Windows are asked ahead, and so are second hearings: none waits for the one before it to settle."""
        asked: deque[_Asked] = deque()
        doubted: deque[_Doubted] = deque()
        try:
            for span in windows:
                asked.append((span, self._ask(span)))
                ahead = self.engine.ahead
                while asked and (len(asked) > ahead or _is_there(asked[0][1])):
                    doubted.append(self._doubt(*asked.popleft()))
                while doubted and (len(doubted) > ahead or _is_there(doubted[0][2])):
                    yield self._settle(*doubted.popleft())
            while asked:
                doubted.append(self._doubt(*asked.popleft()))
                while doubted and _is_there(doubted[0][2]):
                    yield self._settle(*doubted.popleft())
            while doubted:
                yield self._settle(*doubted.popleft())
        finally:
            for pending in (*(answer for _, answer in asked), *(again for _, _, again in doubted)):
                if isinstance(pending, Future):
                    pending.cancel()

    def _one_by_one(self, windows: Iterator[Span]) -> Iterator[WindowResult]:
        """Whisper's own reading: 30 s from where the last window ended, conditioned on what was said."""
        stretch = round(MAX_WINDOW_SECONDS * SAMPLE_RATE)
        position = 0
        known: deque[Span] = deque()
        while self._look(windows, known, position, stretch):
            span = joined(known, max(position, known[0].start), stretch, self.recording.seconds)
            asked = self._ask(span, before=self.before, to_the_end=False)
            result = self._settle(*self._doubt(span, asked))
            yield result
            position = span.start + max(round(result.heard_seconds * SAMPLE_RATE), SAMPLE_RATE // 2)

    def _look(self, windows: Iterator[Span], known: deque[Span], position: int, stretch: int) -> bool:
        """Fills `known` with what lies up to `stretch` after `position`; whether there is speech any more."""
        while True:
            while (
                known
                and known[0].spoken_seconds(
                    max(position, known[0].start) / SAMPLE_RATE, known[0].stop / SAMPLE_RATE
                )
                < SPOKEN_REST_SECONDS
            ):
                known.popleft()
            if known and known[-1].stop >= max(position, known[0].start) + stretch:
                return True
            span = next(windows, None)
            if span is None:
                return bool(known)
            known.append(span)

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

    def _doubt(self, span: Span, answer: Future[WindowResult] | WindowResult) -> _Doubted:
        """What was heard; where that was hard, it is asked again in the light of what came before."""
        if isinstance(answer, WindowResult):
            self._learn(answer)
            return span, answer, None
        heard = self._wait(answer)
        if self.options.language not in (None, heard.language):  # asked before the language was known
            heard = self._wait(self._submit(span, self.options))
        again = None
        hard = heard.avg_logprob < UNSURE_LOGPROB
        if hard and self.before and self.options.quality == "balanced":
            again = self._submit(span, replace(self.options, quality="accurate"), before=self.before)
        self._learn(heard)
        return span, heard, again

    def _settle(self, span: Span, heard: WindowResult, again: Future[WindowResult] | None) -> WindowResult:
        """The surer of the two hearings, without what was invented; told to whoever listens."""
        if span.start in self.finished:
            return heard
        if again is not None:
            heard = max(heard, self._wait(again), key=_sureness)
        result = guarded(_moved(heard, span.start / SAMPLE_RATE), span.voice)
        self.on_window(WindowDone(self.told, span.start, span.stop, result, self._progress(span)))
        self.told += 1
        return result

    def _learn(self, heard: WindowResult) -> None:
        """Keeps what helps with the next windows: the last words, and the language once it is sure."""
        self.learned += 1
        unreliable = any(s.temperature > UNRELIABLE_TEMPERATURE for s in heard.segments)
        self.before = () if unreliable else (self.before + heard.tokens)[-CONTEXT_TOKENS:]
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
        if self.cancelled():
            if answer:
                answer.cancel()
            raise Cancelled("The job was cancelled.")

    def _progress(self, span: Span) -> float:
        seconds = self.recording.estimated_seconds
        return min(span.stop / SAMPLE_RATE / seconds, 1.0) if seconds else 0.0


def _is_there(answer: Future[WindowResult] | WindowResult | None) -> bool:
    return not isinstance(answer, Future) or answer.done()


def _sureness(heard: WindowResult) -> float:
    return heard.avg_logprob if heard.segments else -math.inf


def _silence(samples: int) -> Samples:
    import numpy as np

    return np.zeros(samples, np.float32)


def _moved(result: WindowResult, seconds: float) -> WindowResult:
    """The result with times that count from the start of the recording, in whole milliseconds."""
    return replace(
        result,
        segments=tuple(
            _later(replace(s, words=tuple(_later(w, seconds) for w in s.words)), seconds)
            for s in result.segments
        ),
        dropped=tuple(_later(dropped, seconds) for dropped in result.dropped),
    )


def _later(timed: Timed, seconds: float) -> Timed:
    return replace(timed, start=round(timed.start + seconds, 3), end=round(timed.end + seconds, 3))
