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
from whisper_appliance.engines.vad import FRAME, Probabilities
from whisper_appliance.transcription.gaps import fill_gaps
from whisper_appliance.transcription.hallucinations import filter_hallucinations
from whisper_appliance.transcription.merging import confidence, merge_results, shift_times
from whisper_appliance.transcription.pending import (
    Chunk,
    PendingResult,
    PendingSpan,
    RetryBatch,
    SpanResult,
    futures,
    is_low_confidence,
    is_ready,
)
from whisper_appliance.transcription.segmentation import SegmentationConfig, SpeechSpan, segment_speech
from whisper_appliance.transcription.sequential import decode_sequentially, next_context, prefetch

CANCEL_CHECK_SECONDS = 0.2
RETRY_BATCH_WINDOWS = 4
CHUNK_WINDOWS = 8
PROBE_WINDOWS = 2
CERTAIN_LANGUAGE_PROBABILITY = 0.5
LANGUAGE_WINDOWS = 3


@dataclass(frozen=True, slots=True)
class WindowDone:
    """A window that was heard; times of `result` count from the recording's start, `progress` from 0 to 1."""

    index: int
    start_sample: int
    stop_sample: int
    result: WindowResult
    progress: float


@dataclass
class TranscriptionPipeline:
    """One recording on its way: windows side by side, or one by one where each needs the one before."""

    recording: Source
    engine: EngineProcess
    options: Options
    priority: Priority
    segmentation: SegmentationConfig
    finished: Mapping[int, WindowResult]
    on_window: Callable[[WindowDone], None]
    cancelled: Callable[[], bool]
    emitted: int = 0
    results_seen: int = 0
    windows_submitted: int = 0
    context_tokens: tuple[int, ...] = ()
    language: str = ""
    language_probability: float = 0.0
    ended: bool = False

    def results(self) -> Iterator[WindowResult]:
        """The result of each window in order, with times of the recording."""
        windows = segment_speech(self._speech_probabilities(), self.segmentation, gate=self.options.vad)
        way = self._sequential_chunks if self.options.quality == "accurate" else self._parallel_windows
        with ThreadPoolExecutor(self.engine.spec.workers) as readers:
            try:
                yield from way(windows, readers)
            finally:
                self.ended = True
                readers.shutdown(wait=False, cancel_futures=True)

    def _speech_probabilities(self) -> Iterator[Probabilities]:
        """Frame by frame; the last one is filled up with silence, as the detector needs whole ones."""
        import numpy as np

        voice = self.engine.open_vad_stream()
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

    def _sequential_chunks(self, windows: Iterator[SpeechSpan], readers: ThreadPoolExecutor) -> Iterator[WindowResult]:
        """Pieces of some minutes side by side, each read from its beginning to its end."""
        under_way: deque[Iterator[tuple[SpeechSpan, WindowResult]]] = deque()
        while piece := list(islice(windows, CHUNK_WINDOWS)):
            under_way.append(prefetch(self._decode_chunk(piece), readers))
            first = self._emit(under_way[0])
            while self.options.language is None and (result := next(first, None)):
                yield result
            if len(under_way) > self.engine.spec.workers:
                yield from self._emit(under_way.popleft())
        for reading in under_way:
            yield from self._emit(reading)

    def _decode_chunk(self, piece: list[SpeechSpan]) -> Iterator[tuple[SpeechSpan, WindowResult]]:
        return self._decode_sequentially(iter(piece), self._decode_span, ())

    def _emit(self, reading: Iterator[tuple[SpeechSpan, WindowResult]]) -> Iterator[WindowResult]:
        for span, result in reading:
            self._update_context(result)
            yield self._finalize(SpanResult(span, result))

    def _parallel_windows(self, windows: Iterator[SpeechSpan], readers: ThreadPoolExecutor) -> Iterator[WindowResult]:
        """Windows are asked ahead; what was hard to hear is read while others are heard."""
        asked: deque[PendingSpan] = deque()
        heard: deque[SpanResult] = deque()
        run: RetryBatch | None = None
        try:
            for one in chain(self._submitted(self._unfinished(windows), readers), (None,)):
                if one is not None:
                    asked.append(one)
                ahead = self.engine.prefetch_windows if one is not None else 0
                while asked and (len(asked) > ahead or is_ready(asked[0])):
                    run = self._place_result(asked.popleft(), run, heard, readers)
                    while heard and heard[0].is_ready:
                        yield self._finalize(heard.popleft())
                if one is None:
                    heard.extend(self._submit_retry(run, readers))
                while heard and (len(heard) > ahead or heard[0].is_ready):
                    yield self._finalize(heard.popleft())
        finally:
            for answer in futures(asked):
                answer.cancel()

    def _submitted(self, windows: Iterator[SpeechSpan], readers: ThreadPoolExecutor) -> Iterator[PendingSpan]:
        """What is heard window by window, and what is read at once because it begins too hard for that.

        The next piece is sampled before it is decided about one, so that the engine never waits.
        """
        pieces: deque[Chunk] = deque()
        for span in windows:
            if self.options.quality != "balanced":
                yield span, self._submit(span)
                continue
            if not pieces or len(pieces[-1].spans) == CHUNK_WINDOWS:
                pieces.append(Chunk())
            pieces[-1].spans.append(span)
            if len(pieces[-1].spans) <= PROBE_WINDOWS:
                pieces[-1].probes.append(self._submit(span))
            elif len(pieces) > 1:
                yield from self._submit_chunk(pieces.popleft(), readers)
        for piece in pieces:
            yield from self._submit_chunk(piece, readers)

    def _submit_chunk(self, piece: Chunk, readers: ThreadPoolExecutor) -> Iterator[PendingSpan]:
        rest = piece.spans[len(piece.probes) :]
        sample = [self._result_of(answer) for answer in piece.probes] if rest else []
        if rest and all(map(is_low_confidence, sample)):
            for at in range(0, len(piece.spans), RETRY_BATCH_WINDOWS):
                run = RetryBatch((), piece.spans[at : at + RETRY_BATCH_WINDOWS], sample[:1])
                yield run.with_retry(readers.submit(self._retry_batch, run), only_read=True)
        else:
            yield from zip(piece.spans, piece.probes, strict=False)
            yield from ((span, self._submit(span)) for span in rest)

    def _unfinished(self, windows: Iterator[SpeechSpan]) -> Iterator[SpeechSpan]:
        """Without the spans that lie within what an earlier attempt heard as one."""
        covered = 0
        for span in windows:
            if span.start in self.finished:
                covered = span.start + round(self.finished[span.start].decoded_seconds * SAMPLE_RATE)
            elif span.start < covered:
                continue
            yield span

    def _place_result(
        self, one: PendingSpan, run: RetryBatch | None, heard: deque[SpanResult], readers: ThreadPoolExecutor
    ) -> RetryBatch | None:
        """Puts an answer in its place: into the run of what was hard to hear, or behind it."""
        if isinstance(one, SpanResult):
            heard.extend((*self._submit_retry(run, readers), one))
            self._update_context(one.result)
            self.context_tokens = ()
            return None
        span, answer = one
        result = answer if isinstance(answer, WindowResult) else self._first_pass(span, answer)
        hard = self._needs_retry(result) and span.start not in self.finished
        if hard:
            run = run or RetryBatch(self.context_tokens)
            run.spans.append(span)
            run.results.append(result)
        if run and (not hard or len(run.spans) == RETRY_BATCH_WINDOWS):
            heard.extend(self._submit_retry(run, readers))
            run = None
        if not hard:
            heard.append(SpanResult(span, result))
        self._update_context(result)
        return run

    def _first_pass(self, span: SpeechSpan, answer: Future[WindowResult]) -> WindowResult:
        result = self._wait(answer)
        if self.options.language not in (None, result.language):  # asked before the language was known
            result = self._wait(self._submit_window(span, self.options))
        return result

    def _needs_retry(self, result: WindowResult) -> bool:
        return self.results_seen > 0 and self.options.quality == "balanced" and is_low_confidence(result)

    def _submit_retry(self, run: RetryBatch | None, readers: ThreadPoolExecutor) -> Iterator[SpanResult]:
        if run is not None:
            yield run.with_retry(readers.submit(self._retry_batch, run), only_read=False)

    def _retry_batch(self, run: RetryBatch) -> WindowResult:
        """Reads the spans one after the other, with all that helps."""
        options = replace(
            self.options, quality="accurate", language=self.options.language or run.results[0].language
        )

        def hear(span: SpeechSpan, before: tuple[int, ...]) -> WindowResult:
            return self._wait(self._submit_window(span, options, before=before, to_the_end=False))

        parts = self._decode_sequentially(iter(run.spans), hear, run.context_tokens)
        return merge_results(run.span, parts, run.results[0])

    @property
    def _decode_sequentially(self) -> Callable[..., Iterator[tuple[SpeechSpan, WindowResult]]]:
        return partial(decode_sequentially, gate=self.options.vad)

    def _decode_span(self, span: SpeechSpan, before: tuple[int, ...]) -> WindowResult:
        return self._result_of(self._submit(span, before=before, to_the_end=False))

    def _submit(self, span: SpeechSpan, **how: Any) -> PendingResult:
        if span.start in self.finished:
            return self.finished[span.start]
        self.windows_submitted += 1
        return self._submit_window(span, self.options, **how)

    def _submit_window(
        self, span: SpeechSpan, options: Options, *, before: tuple[int, ...] = (), to_the_end: bool = True
    ) -> Future[WindowResult]:
        samples = self.recording.read(span.start, span.stop)
        window = Window(samples, options, before, to_the_end)
        return self.engine.submit(window, priority=self.priority, windows_before=max(self.windows_submitted - 1, 0))

    def _finalize(self, heard: SpanResult) -> WindowResult:
        """The surer of two hearings, without what was invented; told to whoever listens."""
        span, result = heard.span, heard.result
        if span.start in self.finished:
            return result
        if heard.retry is not None:
            read = self._wait(heard.retry)
            result = read if heard.retry_only else max(result, read, key=confidence)
        if self.options.vad:
            result = self._fill_gaps(span, result)
        result = filter_hallucinations(shift_times(result, span.start / SAMPLE_RATE), span.speech_probability)
        self.on_window(WindowDone(self.emitted, span.start, span.stop, result, self._progress(span)))
        self.emitted += 1
        return result

    def _fill_gaps(self, span: SpeechSpan, result: WindowResult) -> WindowResult:
        """With what the decoder passed over."""
        options = replace(self.options, quality="fast", language=self.options.language or result.language)
        return fill_gaps(result, span, lambda hole: self._wait(self._submit_window(hole, options)))

    def _update_context(self, heard: WindowResult) -> None:
        """Keeps what helps with the next windows: the last words, and the language once it is sure."""
        self.results_seen += 1
        self.context_tokens = next_context(self.context_tokens, heard)
        if self.options.language is None or not self.language:
            self.language, self.language_probability = heard.language, heard.language_probability
            if heard.language_probability >= CERTAIN_LANGUAGE_PROBABILITY or self.results_seen >= LANGUAGE_WINDOWS:
                self.options = replace(self.options, language=heard.language)

    def _result_of(self, answer: PendingResult) -> WindowResult:
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

    def _progress(self, span: SpeechSpan) -> float:
        seconds = self.recording.estimated_seconds
        return min(span.stop / SAMPLE_RATE / seconds, 1.0) if seconds else 0.0
