"""One recording's way through the voice activity detector in the engine's process."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress

import numpy as np

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.vad import FRAME, Probabilities


class VadStream:
    """A stream of samples through the detector in the engine's process; survives a crash of it."""

    def __init__(self, feed: Callable[[int, Samples | None], Future[Probabilities]], stream: int) -> None:
        self._feed = feed
        self._stream = stream
        self._rest = np.zeros(0, np.float32)

    def feed(self, samples: Samples) -> Probabilities:
        """One probability for each whole frame of 512 samples; a remainder waits for the next call."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // FRAME * FRAME
        self._rest = samples[whole:]
        if not whole:
            return np.zeros(0, np.float32)
        return self.submit(samples[:whole]).result()

    def submit(self, frames: Samples) -> Future[Probabilities]:
        """The same for whole frames, without waiting for the answer."""
        return self._feed(self._stream, frames)

    def close(self) -> None:
        """Forgets the stream."""
        with suppress(ApplianceError, CancelledError):
            self._feed(self._stream, None)
