"""Whisper's sequential long-form decoding: 30 s from the last timestamp, with the last text as context.

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
"""Decodes a span with these context tokens, and waits for the result."""


def decode_sequentially(
    windows: Iterator[SpeechSpan],
    decode: DecodeSpan,
    context: tuple[int, ...],
    *,
    vad: bool,
) -> Iterator[tuple[SpeechSpan, WindowResult]]:
    """Decoded spans of the recording with their results, in order.

    Silence between and at the end of `windows` is skipped; with `vad` off, only what lies between them.
    """
    position = 0
    buffer: deque[SpeechSpan] = deque()
    while _buffer_chunk(windows, buffer, position, vad):
        span = merge_spans(buffer, max(position, buffer[0].start), CHUNK_SAMPLES)
        result = decode(span, context)
        yield span, result
        context = next_context(context, result)
        position = span.start + max(round(result.decoded_seconds * SAMPLE_RATE), SAMPLE_RATE // 2)


def next_context(context: tuple[int, ...], result: WindowResult) -> tuple[int, ...]:
    """The tokens to condition the next window on: none after a decoding at high temperature."""
    if result.temperature > UNRELIABLE_TEMPERATURE:
        return ()
    return (context + result.tokens)[-CONTEXT_TOKENS:]


def _buffer_chunk(windows: Iterator[SpeechSpan], buffer: deque[SpeechSpan], position: int, vad: bool) -> bool:
    """Fills `buffer` with the 30 s from `position`; returns whether there is speech after it."""
    while True:
        while buffer and _remaining_seconds(buffer[0], position, vad) < MIN_REMAINING_SPEECH_SECONDS:
            buffer.popleft()
        if buffer and buffer[-1].stop >= max(position, buffer[0].start) + CHUNK_SAMPLES:
            return True
        span = next(windows, None)
        if span is None:
            return bool(buffer)
        buffer.append(span)


def _remaining_seconds(span: SpeechSpan, position: int, vad: bool) -> float:
    start = max(position, span.start)
    if not vad:
        return (span.stop - start) / SAMPLE_RATE
    return span.spoken_seconds(start / SAMPLE_RATE, span.stop / SAMPLE_RATE)


def prefetch(items: Iterator[T], threads: ThreadPoolExecutor) -> Iterator[T]:
    """The same items, produced in another thread from now on; its errors are raised here."""
    queue: SimpleQueue[tuple[T] | None] = SimpleQueue()

    def produce() -> None:
        for item in items:
            queue.put((item,))

    future = threads.submit(produce)
    future.add_done_callback(lambda _: queue.put(None))
    return _drain(queue, future)


def _drain(queue: "SimpleQueue[tuple[T] | None]", future: "Future[None]") -> Iterator[T]:
    while (item := queue.get()) is not None:
        yield item[0]
    future.result()
