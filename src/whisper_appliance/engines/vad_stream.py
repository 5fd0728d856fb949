"""A stream through voice activity detection in the engine's process."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.vad import NO_PROBABILITIES, FrameBuffer, Probabilities


class VadStream:
    """One stream. After a crash of the process, it goes on in the next one with a fresh state."""

    def __init__(self, detect: Callable[[int, Samples | None], Future[Probabilities]], stream: int) -> None:
        """`detect` takes the stream's number and whole frames, or `None` to end it."""
        self._detect = detect
        self._stream = stream
        self._buffer = FrameBuffer()

    def feed(self, samples: Samples) -> Probabilities:
        """One probability for each whole frame of 512 samples; a remainder waits for the next call."""
        frames = self._buffer.feed(samples)
        return self.submit(frames).result() if len(frames) else NO_PROBABILITIES

    def submit(self, frames: Samples) -> Future[Probabilities]:
        """The same for whole frames, without waiting for the result."""
        return self._detect(self._stream, frames)

    def close(self) -> None:
        """Ends the stream."""
        with suppress(ApplianceError, CancelledError):
            self._detect(self._stream, None)
