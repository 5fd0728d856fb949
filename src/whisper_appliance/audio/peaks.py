"""Peaks of a waveform in the binary format of BBC audiowaveform (version 1, 8 bit).

https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md: a header of five 32-bit numbers, then the
lowest and the highest sample of each span of samples. The spans of a long recording are longer, so that there
are at most `MAX_PEAKS`.
"""

import struct
from collections.abc import Callable

import numpy as np

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples

MAX_PEAKS = 8192
SHORTEST_SPAN = SAMPLE_RATE // 50
HEADER = struct.Struct("<iIiiI")
BARS = 48
LOUDEST_OF_SILENCE = 8
"""Of 127: what is never louder is drawn small, because it is noise."""
_VERSION, _EIGHT_BIT, _FULL_SCALE = 1, 1, 127
_SPANS_A_READ = 500


def span_of(samples: int) -> int:
    """How many samples one peak stands for, in a recording of so many."""
    span = SHORTEST_SPAN
    while samples > span * MAX_PEAKS:
        span *= 2
    return span


def waveform(read: Callable[[int, int], Samples], samples: int) -> bytes:
    """The peaks of a decoded recording; `read(start, stop)` gives its samples."""
    span = span_of(samples)
    parts = []
    for start in range(0, samples, span * _SPANS_A_READ):
        block = read(start, min(samples, start + span * _SPANS_A_READ))
        missing = -len(block) % span
        spans = np.pad(block, (0, missing)).reshape(-1, span)
        parts.append(np.stack([spans.min(axis=1), spans.max(axis=1)], axis=1))
    peaks = np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)
    return _packed(span, np.clip(np.rint(peaks * _FULL_SCALE), -128, _FULL_SCALE).astype(np.int8))


def combined(first: bytes, second: bytes) -> bytes:
    """The peaks of two channels of a recording together; those of the first if their lengths differ."""
    if HEADER.unpack_from(first) != HEADER.unpack_from(second):
        return first
    one, other = (np.frombuffer(each, np.int8, offset=HEADER.size).reshape(-1, 2) for each in (first, second))
    both = np.stack([np.minimum(one[:, 0], other[:, 0]), np.maximum(one[:, 1], other[:, 1])], axis=1)
    return _packed(HEADER.unpack_from(first)[3], both)


def bar_heights(peaks: bytes) -> str:
    """The heights of `BARS` bars, a digit each; the loudest of the recording is 9. Empty for other bytes."""
    if len(peaks) <= HEADER.size or HEADER.unpack_from(peaks)[:2] != (_VERSION, _EIGHT_BIT):
        return ""
    pairs = np.frombuffer(peaks, np.int8, offset=HEADER.size)
    heights = np.abs(pairs[: len(pairs) // 2 * 2].astype(np.int16)).reshape(-1, 2).max(axis=1)
    if not len(heights):
        return ""
    bars = np.maximum.reduceat(heights, np.arange(BARS) * len(heights) // BARS)
    scaled = np.rint(bars * 9 / max(LOUDEST_OF_SILENCE, int(bars.max())))
    return "".join(str(int(each)) for each in np.minimum(scaled, 9))


def _packed(span: int, peaks: "np.ndarray[tuple[int, int], np.dtype[np.int8]]") -> bytes:
    return HEADER.pack(_VERSION, _EIGHT_BIT, SAMPLE_RATE, span, len(peaks)) + peaks.tobytes()
