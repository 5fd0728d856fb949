"""Whisper's own way to read a long recording: 30 s from where the last window ended, after what was said.

Source: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 3.8.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.contract import MAX_WINDOW_SECONDS, WindowResult
from whisper_appliance.transcription.segmentation import SpeechSpan, merge_spans

CHUNK_SAMPLES = round(MAX_WINDOW_SECONDS * SAMPLE_RATE)
MIN_REMAINING_SPEECH_SECONDS = 0.2
UNRELIABLE_TEMPERATURE = 0.5
CONTEXT_TOKENS = 223

T = TypeVar("T")
DecodeSpan = Callable[[SpeechSpan, tuple[int, ...]], WindowResult]
"""Hears a span after these tokens; waits for it."""


def decode_sequentially(
    windows: Iterator[SpeechSpan],
    hear: DecodeSpan,
    before: tuple[int, ...],
    *,
    gate: bool,
) -> Iterator[tuple[SpeechSpan, WindowResult]]:
    """Stretches of the recording with what was heard in each.

    Silence between and at the end of `windows` is passed over; without `gate`, only what lies between.
    """
    position = 0
    known: deque[SpeechSpan] = deque()
    while _buffer_chunk(windows, known, position, gate):
        span = merge_spans(known, max(position, known[0].start), CHUNK_SAMPLES)
        result = hear(span, before)
        yield span, result
        before = next_context(before, result)
        position = span.start + max(round(result.decoded_seconds * SAMPLE_RATE), SAMPLE_RATE // 2)


def next_context(before: tuple[int, ...], result: WindowResult) -> tuple[int, ...]:
    """What to condition the next window on: nothing, where the last one was hard to hear."""
    if any(segment.temperature > UNRELIABLE_TEMPERATURE for segment in result.segments):
        return ()
    return (before + result.tokens)[-CONTEXT_TOKENS:]


def _buffer_chunk(windows: Iterator[SpeechSpan], known: deque[SpeechSpan], position: int, gate: bool) -> bool:
    """Fills `known` with the stretch that begins at `position`; whether anybody speaks from there on."""
    while True:
        while known and _remaining_seconds(known[0], position, gate) < MIN_REMAINING_SPEECH_SECONDS:
            known.popleft()
        if known and known[-1].stop >= max(position, known[0].start) + CHUNK_SAMPLES:
            return True
        span = next(windows, None)
        if span is None:
            return bool(known)
        known.append(span)


def _remaining_seconds(span: SpeechSpan, position: int, gate: bool) -> float:
    start = max(position, span.start)
    if not gate:
        return (span.stop - start) / SAMPLE_RATE
    return span.spoken_seconds(start / SAMPLE_RATE, span.stop / SAMPLE_RATE)


def prefetch(items: Iterator[T], threads: ThreadPoolExecutor) -> Iterator[T]:
    """The same items, made in another thread from now on; what goes wrong there is raised here."""
    made: SimpleQueue[tuple[T] | None] = SimpleQueue()

    def make() -> None:
        for item in items:
            made.put((item,))

    making = threads.submit(make)
    making.add_done_callback(lambda _: made.put(None))
    return _taken(made, making)


def _taken(made: "SimpleQueue[tuple[T] | None]", making: "Future[None]") -> Iterator[T]:
    while (item := made.get()) is not None:
        yield item[0]
    making.result()
