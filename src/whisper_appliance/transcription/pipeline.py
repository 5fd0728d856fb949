"""The transcription pipeline of one recording: VAD, windows, decoding, retries, filters.

Quality "fast" and "balanced" decode windows in parallel; "balanced" also retries low-confidence windows
sequentially with context. Quality "accurate" decodes sequentially, each window with the context of the last.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import Any

from whisper_appliance.audio.audio_source import AudioSource
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import Cancelled
from whisper_appliance.engines.contract import BatchRule, Options, Priority, Window, WindowResult
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.engines.vad import FRAME, Probabilities
from whisper_appliance.transcript.times import valid_dropped, valid_segments
from whisper_appliance.transcription.chants import count_chants, count_copies
from whisper_appliance.transcription.gaps import (
    fill_gaps,
    find_speech_without_text,
    looped_stretches,
    redecode_loops,
)
from whisper_appliance.transcription.hallucinations import filter_hallucinations
from whisper_appliance.transcription.languages import (
    MAIN_LANGUAGE_PROBABILITY,
    MAIN_LANGUAGE_WINDOWS,
    MainLanguage,
    by_language,
    in_one_language,
    is_mixed,
    surest,
)
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
from whisper_appliance.transcription.sequential import DecodeSpan, decode_sequentially, prefetch

CANCEL_CHECK_SECONDS = 0.2
RETRY_BATCH_WINDOWS = 4
CHUNK_WINDOWS = 8
PROBE_WINDOWS = 2


@dataclass(frozen=True, slots=True)
class WindowDone:
    """A finished window; `result` has times of the recording, `progress` is between 0 and 1."""

    index: int
    start_sample: int
    stop_sample: int
    result: WindowResult
    progress: float


@dataclass
class TranscriptionPipeline:
    """Transcribes one recording, once: `results` yields each window's final result in order.

    `finished` holds the results of an earlier attempt by first sample; those windows are not decoded again.
    """

    recording: AudioSource
    engine: EngineProcess
    options: Options
    priority: Priority
    segmentation: SegmentationConfig
    finished: Mapping[int, WindowResult]
    on_window: Callable[[WindowDone], None]
    cancelled: Callable[[], bool]
    on_decoded: Callable[[float], None] = lambda _seconds: None
    emitted: int = 0
    results_seen: int = 0
    windows_submitted: int = 0
    main: MainLanguage = field(default_factory=MainLanguage)
    spans_seen: int = 0
    alone: set[int] = field(default_factory=set)
    """Where the windows begin that are decoded alone."""
    covered_to: int = 0
    written_to: float = 0.0
    prompt_cut: bool = False
    untranscribed: list[tuple[float, float]] = field(default_factory=list)
    ended: bool = False

    def results(self) -> Iterator[WindowResult]:
        """The result of each window in order, with times of the recording."""
        windows = segment_speech(self._speech_probabilities(), self.segmentation, vad=self.options.vad)
        accurate = self.options.quality == "accurate"
        decode = self._sequential_chunks if accurate else self._parallel_windows
        with ThreadPoolExecutor(self.engine.spec.workers) as threads:
            try:
                yield from decode(windows, threads)
            finally:
                self.ended = True
                threads.shutdown(wait=False, cancel_futures=True)

    def detect_language(self) -> str:
        """The language of the first windows of speech, without their text; empty if nobody speaks."""
        best: WindowResult | None = None
        windows = segment_speech(self._speech_probabilities(), self.segmentation, vad=self.options.vad)
        for span in islice(windows, MAIN_LANGUAGE_WINDOWS):
            found = self._wait(self._submit_window(span, self.options, detect_only=True))
            if best is None or found.language_probability > best.language_probability:
                best = found
            if found.language_probability >= MAIN_LANGUAGE_PROBABILITY:
                break
        return best.language if best else ""

    def _speech_probabilities(self) -> Iterator[Probabilities]:
        """The probability of speech in each frame; the last frame is padded with zeros."""
        import numpy as np

        vad = self.engine.open_vad_stream()
        try:
            remainder = 0
            for block in self.recording.blocks():
                self._check_cancelled()
                remainder = (remainder + len(block)) % FRAME
                yield vad.feed(block)
            if remainder:
                yield vad.feed(np.zeros(FRAME - remainder, np.float32))
        finally:
            vad.close()

    def _sequential_chunks(
        self, windows: Iterator[SpeechSpan], threads: ThreadPoolExecutor
    ) -> Iterator[WindowResult]:
        """Chunks of some minutes in parallel; each is decoded sequentially from its start to its end."""
        running: deque[Iterator[tuple[SpeechSpan, WindowResult]]] = deque()
        while chunk := list(islice(windows, CHUNK_WINDOWS)):
            for span in chunk:
                self._note_span(span)
            # A copy, because the main language is settled in the order of windows, not in that of threads.
            running.append(prefetch(self._decode_chunk(chunk, replace(self.main)), threads))
            first = self._emit(running[0])
            while not self._is_language_settled and (result := next(first, None)):
                yield result
            if len(running) > self.engine.spec.workers:
                yield from self._emit(running.popleft())
        for results in running:
            yield from self._emit(results)

    def _decode_chunk(
        self, chunk: list[SpeechSpan], main: MainLanguage
    ) -> Iterator[tuple[SpeechSpan, WindowResult]]:
        def decode(span: SpeechSpan, context: tuple[int, ...]) -> WindowResult:
            result = self._decode_span(span, context)
            if span.start not in self.finished:
                result = self._in_its_languages(span, result, main, self.options)
            main.add(result)
            return result

        return self._decode_sequentially(chunk, decode)

    def _emit(self, results: Iterator[tuple[SpeechSpan, WindowResult]]) -> Iterator[WindowResult]:
        for span, result in results:
            self._count(result)
            yield self._finalize(SpanResult(span, result))

    @property
    def _is_language_settled(self) -> bool:
        return self.options.language is not None or self.main.settled

    def _note_span(self, span: SpeechSpan) -> None:
        """Notes the next span. A recording of two windows at most has each decoded alone, by a worker each.

        That is faster than an even batch of one. It depends on the recording only, as all batches do.
        """
        if not self.spans_seen:
            self.on_decoded(0.0)
        if not self.spans_seen or (self.spans_seen == 1 and span.is_last):
            self.alone.add(span.start)
        self.spans_seen += 1

    def _parallel_windows(
        self, windows: Iterator[SpeechSpan], threads: ThreadPoolExecutor
    ) -> Iterator[WindowResult]:
        """Submits windows ahead; low-confidence windows are retried with context while others decode."""
        pending: deque[PendingSpan] = deque()
        decoded: deque[SpanResult] = deque()
        batch: RetryBatch | None = None
        try:
            for one in chain(self._submitted(windows, threads), (None,)):
                if one is not None:
                    pending.append(one)
                limit = self.engine.prefetch_windows if one is not None else 0
                while pending and (len(pending) > limit or is_ready(pending[0])):
                    batch = self._place_result(pending.popleft(), batch, decoded, threads)
                    while decoded and decoded[0].is_ready:
                        yield self._finalize(decoded.popleft())
                if one is None:
                    decoded.extend(self._submit_retry(batch, threads))
                while decoded and (len(decoded) > limit or decoded[0].is_ready):
                    yield self._finalize(decoded.popleft())
        finally:
            for future in futures(pending):
                future.cancel()

    def _submitted(self, windows: Iterator[SpeechSpan], threads: ThreadPoolExecutor) -> Iterator[PendingSpan]:
        """Submitted windows, or chunks to decode sequentially if their first windows have low confidence.

        A chunk is decided as soon as one of its first windows has no low confidence, so that words appear
        early, and at last when the first windows of the next chunk are submitted, so that the engine is never
        idle.
        """
        chunks: deque[Chunk] = deque()
        for span in windows:
            self._note_span(span)
            if self.options.quality != "balanced":
                if not self._is_covered(span):
                    yield span, self._submit(span)
                continue
            if not chunks or len(chunks[-1].spans) == CHUNK_WINDOWS:
                chunks.append(Chunk())
            chunks[-1].spans.append(span)
            is_probe = len(chunks[-1].spans) <= PROBE_WINDOWS
            if is_probe and not self._is_covered(span):
                chunks[-1].probes.append(self._submit(span))
            if self._is_clear(chunks[0]) or (len(chunks) > 1 and not is_probe):
                yield from self._submit_chunk(chunks[0], threads)
            if len(chunks) > 1 and chunks[0].is_submitted:
                chunks.popleft()
        for chunk in chunks:
            yield from self._submit_chunk(chunk, threads)

    def _is_clear(self, chunk: Chunk) -> bool:
        """Whether it is known already that the windows of a chunk are decoded one by one."""
        if chunk.submitted:
            return True
        if chunk.spans[0].start in self.finished:
            return not self._is_retry_only(chunk, [])
        decoded = (self._result_of(one) for one in chunk.probes if is_ready((chunk.spans[0], one)))
        return any(not is_low_confidence(result) for result in decoded)

    def _submit_chunk(self, chunk: Chunk, threads: ThreadPoolExecutor) -> Iterator[PendingSpan]:
        """Submits the windows of a chunk that have not been submitted yet."""
        is_long = len(chunk.spans) > PROBE_WINDOWS
        probed = [] if self._is_clear(chunk) or not is_long else list(map(self._result_of, chunk.probes))
        if probed and self._is_retry_only(chunk, probed):
            for at in range(0, len(chunk.spans), RETRY_BATCH_WINDOWS):
                batch = RetryBatch(chunk.spans[at : at + RETRY_BATCH_WINDOWS], [surest(probed)])
                first = batch.spans[0]
                if first.start in self.finished:
                    yield first, self.finished[first.start]
                else:
                    yield batch.with_retry(threads.submit(self._retry_batch, batch), retry_only=True)
            chunk.submitted = len(chunk.spans)
        while not chunk.is_submitted:
            is_probe, span = chunk.submitted < PROBE_WINDOWS, chunk.spans[chunk.submitted]
            chunk.submitted += 1
            if not self._is_covered(span):
                yield span, chunk.use_probe() if is_probe else self._submit(span)

    def _is_retry_only(self, chunk: Chunk, probed: list[WindowResult]) -> bool:
        """Whether the first windows are (after a restart: were) of low confidence, in one language.

        Then an earlier attempt has finished several of them as one.
        """
        first = chunk.spans[0]
        if first.start in self.finished:
            return self._finished_to(first) > first.stop
        return all(map(is_low_confidence, probed)) and in_one_language(chunk.spans, probed, self._detect)

    def _finished_to(self, span: SpeechSpan) -> int:
        return span.start + round(self.finished[span.start].decoded_seconds * SAMPLE_RATE)

    def _is_covered(self, span: SpeechSpan) -> bool:
        """Whether a span lies inside a longer one that an earlier attempt has finished."""
        if span.start in self.finished:
            self.covered_to = self._finished_to(span)
            return False
        return span.start < self.covered_to

    def _place_result(
        self,
        one: PendingSpan,
        batch: RetryBatch | None,
        decoded: deque[SpanResult],
        threads: ThreadPoolExecutor,
    ) -> RetryBatch | None:
        """Adds a result to `decoded`, or, at low confidence, to the retry batch; returns the open batch."""
        if isinstance(one, SpanResult):
            decoded.extend((*self._submit_retry(batch, threads), one))
            self._count(one.result)
            return None
        span, pending = one
        result = pending if isinstance(pending, WindowResult) else self._first_pass(span, pending)
        retry = self._needs_retry(result) and span.start not in self.finished
        if batch and retry and result.language != batch.results[0].language:
            decoded.extend(self._submit_retry(batch, threads))
            batch = None
        if retry:
            batch = batch or RetryBatch()
            batch.spans.append(span)
            batch.results.append(result)
        if batch and (not retry or len(batch.spans) == RETRY_BATCH_WINDOWS):
            decoded.extend(self._submit_retry(batch, threads))
            batch = None
        if not retry:
            decoded.append(SpanResult(span, result))
            if isinstance(pending, Future) and self._may_retry(pending.result()):
                self._report_decoded(span.stop - span.start)
        self._count(result)
        return batch

    def _first_pass(self, span: SpeechSpan, future: Future[WindowResult]) -> WindowResult:
        return self._in_its_languages(span, self._wait(future), self.main, self.options)

    def _in_its_languages(
        self, span: SpeechSpan, result: WindowResult, main: MainLanguage, options: Options
    ) -> WindowResult:
        if options.language is not None:
            return result

        def decode(part: SpeechSpan, language: str | None) -> WindowResult:
            return self._wait(self._submit_window(part, replace(options, language=language)))

        return by_language(span, result, main, decode, self._detect)

    def _detect(self, spans: list[SpeechSpan]) -> list[WindowResult]:
        """The language of each span, without its text."""
        detected = [self._submit_window(span, self.options, detect_only=True) for span in spans]
        return list(map(self._wait, detected))

    def _needs_retry(self, result: WindowResult) -> bool:
        return self.results_seen > 0 and self._may_retry(result) and not is_mixed(result)

    def _may_retry(self, result: WindowResult) -> bool:
        return self.options.quality == "balanced" and is_low_confidence(result)

    def _submit_retry(self, batch: RetryBatch | None, threads: ThreadPoolExecutor) -> Iterator[SpanResult]:
        if batch is not None:
            yield batch.with_retry(threads.submit(self._retry_batch, batch), retry_only=False)

    def _retry_batch(self, batch: RetryBatch) -> WindowResult:
        """Decodes the spans of a batch again: sequentially, with context, at the best quality."""
        options = replace(
            self.options, quality="accurate", language=self.options.language or batch.results[0].language
        )

        def decode(span: SpeechSpan, context: tuple[int, ...]) -> WindowResult:
            return self._wait(self._submit_window(span, options, context=context, decode_to_end=False))

        parts = self._count_retried(batch.span, self._decode_sequentially(batch.spans, decode))
        return merge_results(batch.span, parts, batch.results[0])

    def _count_retried(
        self, whole: SpeechSpan, parts: Iterator[tuple[SpeechSpan, WindowResult]]
    ) -> Iterator[tuple[SpeechSpan, WindowResult]]:
        """The same parts of a batch; reports how far each of them goes on, and at last the rest."""
        reached = whole.start
        for span, result in parts:
            stop = min(span.start + round(result.decoded_seconds * SAMPLE_RATE), whole.stop)
            self._report_decoded(stop - reached)
            reached = max(reached, stop)
            yield span, result
        self._report_decoded(whole.stop - reached)

    def _decode_sequentially(
        self, spans: list[SpeechSpan], decode: DecodeSpan
    ) -> Iterator[tuple[SpeechSpan, WindowResult]]:
        return decode_sequentially(iter(spans), decode, (), vad=self.options.vad)

    def _decode_span(self, span: SpeechSpan, context: tuple[int, ...]) -> WindowResult:
        return self._result_of(self._submit(span, context=context, decode_to_end=False))

    def _submit(self, span: SpeechSpan, **window: Any) -> PendingResult:
        if span.start in self.finished:
            return self.finished[span.start]
        self.windows_submitted += 1
        future = self._submit_window(span, self.options, **window)
        future.add_done_callback(partial(self._note_decoded, span))
        return future

    def _note_decoded(self, span: SpeechSpan, future: Future[WindowResult]) -> None:
        """Reports a window that was decoded, unless it may be retried: then it is not done yet."""
        if not future.cancelled() and not future.exception() and not self._may_retry(future.result()):
            self._report_decoded(span.stop - span.start)

    def _report_decoded(self, samples: int) -> None:
        if samples > 0:
            self.on_decoded(samples / SAMPLE_RATE)

    def _submit_window(
        self,
        span: SpeechSpan,
        options: Options,
        *,
        context: tuple[int, ...] = (),
        decode_to_end: bool = True,
        detect_only: bool = False,
    ) -> Future[WindowResult]:
        samples = self.recording.read(span.start, span.stop)
        batch: BatchRule = "alone" if span.start in self.alone else "even"
        window = Window(samples, options, context, decode_to_end, batch=batch, detect_only=detect_only)
        return self.engine.submit(
            window, priority=self.priority, windows_before=max(self.windows_submitted - 1, 0)
        )

    def _finalize(self, decoded: SpanResult) -> WindowResult:
        """Takes the more confident of first pass and retry, fills gaps, filters hallucinations, emits."""
        span, result = decoded.span, decoded.result
        if span.start in self.finished:
            self._note_untranscribed(span, result)
            return result
        if decoded.retry is not None:
            retried = self._wait(decoded.retry)
            result = retried if decoded.retry_only else max(result, retried, key=confidence)
        starts: list[float] = []
        if self.options.vad:
            read = partial(self.recording.read, span.start, span.stop)
            result = count_chants(result, span, read, partial(self._decode_again, result, starts))
            filled = fill_gaps(result, span, partial(self._decode_again, result, starts))
            result = filled if filled is result else count_copies(filled, span, read)
        result = self._without_hallucinations(span, result, starts)
        self._note_untranscribed(span, result)
        self.on_window(WindowDone(self.emitted, span.start, span.stop, result, self._progress(span)))
        self.emitted += 1
        return result

    def _decode_again(self, result: WindowResult, starts: list[float], part: SpeechSpan) -> WindowResult:
        """Decodes a part of a window by itself, in its own language if that is clearly another.

        Its start in the recording is added to `starts`.
        """
        starts.append(part.start / SAMPLE_RATE)
        if self.options.language is not None:
            return self._wait(self._submit_window(part, replace(self.options, quality="fast")))
        options = replace(self.options, quality="fast")
        main = MainLanguage(result.language, result.language_probability, settled=True)
        return self._in_its_languages(part, self._wait(self._submit_window(part, options)), main, options)

    def _without_hallucinations(
        self, span: SpeechSpan, result: WindowResult, starts: list[float]
    ) -> WindowResult:
        """Without invented text; what a loop has covered is decoded once more by itself."""
        seconds = span.start / SAMPLE_RATE
        filtered = filter_hallucinations(
            shift_times(result, seconds), span.speech_probability, self._vocabulary, starts
        )
        if self.options.vad and looped_stretches(filtered):
            again = redecode_loops(
                shift_times(filtered, -seconds), span, partial(self._decode_again, result, starts)
            )
            filtered = filter_hallucinations(
                shift_times(again, seconds), span.speech_probability, self._vocabulary, starts
            )
        stop = min(span.stop / SAMPLE_RATE, self.recording.seconds or math.inf)
        return replace(
            filtered,
            segments=valid_segments(filtered.segments, self.written_to, stop),
            dropped=valid_dropped(filtered.dropped, 0.0, stop),
        )

    @property
    def _vocabulary(self) -> str:
        given = (self.options.prompt, self.options.hotwords) if self.options.vad else ()
        return " ".join(text for text in given if text)

    def _note_untranscribed(self, span: SpeechSpan, result: WindowResult) -> None:
        """Keeps where somebody speaks although nothing is written or dropped."""
        if result.segments:
            self.written_to = max(self.written_to, result.segments[-1].end)
        if self.options.vad:
            seconds = span.start / SAMPLE_RATE
            is_whole = self.options.quality != "accurate"  # else the next window begins where this one ends
            stop = (span.stop - span.start) / SAMPLE_RATE if is_whole else result.decoded_seconds
            gaps = find_speech_without_text(shift_times(result, -seconds), span, stop)
            self.untranscribed += [(start + seconds, end + seconds) for start, end in gaps]

    def _count(self, result: WindowResult) -> None:
        self.results_seen += 1
        self.prompt_cut = self.prompt_cut or result.prompt_cut
        self.main.add(result)

    def _result_of(self, pending: PendingResult) -> WindowResult:
        return pending if isinstance(pending, WindowResult) else self._wait(pending)

    def _wait(self, future: Future[WindowResult]) -> WindowResult:
        while not wait([future], CANCEL_CHECK_SECONDS).done:
            self._check_cancelled(future)
        self._check_cancelled()
        return future.result()

    def _check_cancelled(self, future: Future[WindowResult] | None = None) -> None:
        if self.ended or self.cancelled():
            if future:
                future.cancel()
            raise Cancelled("The job was cancelled.")

    def _progress(self, span: SpeechSpan) -> float:
        seconds = self.recording.estimated_seconds
        return min(span.stop / SAMPLE_RATE / seconds, 1.0) if seconds else 0.0
