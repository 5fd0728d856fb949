"""The sync chirp: a sound that marks, to the sample, where the audio of a track begins (matched filter).

A browser can say which packet its track begins with, but not which sample of the decoded track that is,
because the encoder, the network and the jitter buffer delay it. The page therefore sends silence, then this
chirp, and then the packet. The same signal is made by `pages/static/js/live/sync-chirp.js`.
"""

import numpy as np
import numpy.typing as npt

from whisper_appliance.core.audio_format import SAMPLE_RATE

CHIRP_SECONDS = 0.1
FROM_HERTZ, TO_HERTZ = 600.0, 3000.0
LOUDNESS = 0.5
THRESHOLD = 0.5
"""Least normalized correlation: Opus keeps more than 0.9; a packet lost in 20 leaves about 0.7."""
SETTLED_SAMPLES = SAMPLE_RATE // 100
"""A peak counts once 10 ms more show no higher one."""
Samples = npt.NDArray[np.float32]


def chirp(rate: int = SAMPLE_RATE) -> Samples:
    """The chirp: a sine whose frequency rises evenly, under a Hann window."""
    count = round(CHIRP_SECONDS * rate)
    times = np.arange(count) / rate
    rise = (TO_HERTZ - FROM_HERTZ) / (2 * CHIRP_SECONDS)
    wave = np.sin(2 * np.pi * (FROM_HERTZ + rise * times) * times)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(count) / count)
    return (LOUDNESS * wave * window).astype(np.float32)


class ChirpDetector:
    """Finds the first chirp in a stream of 16 kHz PCM16."""

    def __init__(self) -> None:
        self._template = chirp() / np.linalg.norm(chirp())
        self._samples = np.zeros(0, np.float32)

    def feed(self, pcm: bytes) -> bytes | None:
        """None before the chirp; else the samples behind it, once."""
        self._samples = np.concatenate([self._samples, np.frombuffer(pcm, "<i2").astype(np.float32)])
        size = len(self._template)
        if len(self._samples) < size + SETTLED_SAMPLES:
            return None
        matches = self._matches()
        peak = int(np.argmax(matches))
        if matches[peak] >= THRESHOLD and peak + SETTLED_SAMPLES < len(matches):
            return self._samples[peak + size :].astype("<i2").tobytes()
        kept = size + 2 * SETTLED_SAMPLES
        self._samples = self._samples[-kept:]
        return None

    def _matches(self) -> Samples:
        """The normalized correlation at each place, from -1 to 1."""
        size = len(self._template)
        squares = np.concatenate([[0.0], np.cumsum(np.square(self._samples, dtype=np.float64))])
        energies = np.sqrt(np.maximum(squares[size:] - squares[:-size], float(size)))
        matches: Samples = np.correlate(self._samples, self._template, "valid") / energies
        return matches
