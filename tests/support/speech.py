"""Speech that says itself: word number 7 is 0.4 s of samples of the value 7, silence is 0.

The engine made for it hears the words by their values, wherever a window is cut; a word that is cut off is
misheard, as a real one is. So every word of a recording can be accounted for.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise

import numpy as np

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Priority, Window, WindowResult
from whisper_appliance.engines.vad import FRAME, Probabilities
from whisper_appliance.transcript.model import Segment, Word

WORD_SECONDS = 0.4
PACKET_SAMPLES = 1600


def spoken(first: int, stop: int) -> bytes:
    """Words `first` to before `stop` as pcm_s16le."""
    return np.repeat(np.arange(first, stop), round(WORD_SECONDS * SAMPLE_RATE)).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    """Nobody speaks."""
    return bytes(2 * round(seconds * SAMPLE_RATE))


def packets(pcm: bytes, size: int = 2 * PACKET_SAMPLES) -> Iterator[bytes]:
    """The audio in packets of so many bytes."""
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def words_in(samples: Samples) -> list[Word]:
    """What an engine hears in it."""
    values = np.rint(samples * 32768).astype(int)
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    words = []
    for start, stop in pairwise(edges):
        if stop > start and values[start]:
            whole = stop - start >= 0.6 * WORD_SECONDS * SAMPLE_RATE
            text = f" w{values[start]}" if whole else " eh"
            words.append(Word(start / SAMPLE_RATE, stop / SAMPLE_RATE, text, 0.9))
    return words


def heard(samples: Samples) -> WindowResult:
    """The answer of the engine."""
    words = tuple(words_in(samples))
    seconds = len(samples) / SAMPLE_RATE
    text = "".join(word.word for word in words)
    segments = (Segment(words[0].start, words[-1].end, text, words=words),) if words else ()
    return WindowResult(segments, "en", 1.0, decoded_seconds=seconds)


def voiced(samples: Samples) -> Probabilities:
    """The answer of the detector."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.asarray(np.abs(frames).max(axis=1) > 0, np.float32)


class ScriptedVoice:
    """The detector's side of a stream."""

    def submit(self, frames: Samples) -> "Future[Probabilities]":
        """Answers at once."""
        answer: Future[Probabilities] = Future()
        answer.set_result(voiced(frames))
        return answer

    def close(self) -> None:
        """Forgets nothing."""


class ScriptedEngine:
    """Hears in threads of its own. `failing` makes every window fail; `held` makes them wait."""

    parallel_windows = 2

    def __init__(self) -> None:
        self.failing = False
        self.held = threading.Event()
        self.held.set()
        self.windows: list[tuple[Priority, float]] = []
        self._threads = ThreadPoolExecutor(self.parallel_windows)

    def submit(
        self, window: Window, *, priority: Priority, windows_before: int = 0
    ) -> "Future[WindowResult]":
        """Lets a window be heard."""
        self.windows.append((priority, len(window.samples) / SAMPLE_RATE))
        return self._threads.submit(self._hear, window)

    def open_vad_stream(self) -> ScriptedVoice:
        """A new stream through the detector."""
        return ScriptedVoice()

    @contextmanager
    def reserve_live_worker(self) -> Iterator[None]:
        """Somebody speaks."""
        yield

    def close(self) -> None:
        """Ends the threads."""
        self.held.set()
        self._threads.shutdown()

    def _hear(self, window: Window) -> WindowResult:
        self.held.wait()
        if self.failing:
            raise EngineFailed("The script says so.")
        return heard(window.samples)


class ScriptedModels:
    """A ModelManager with one model, which may be missing."""

    default = "scripted"

    def __init__(self) -> None:
        self.loaded = ScriptedEngine()
        self.missing = False
        self.leases = 0

    @contextmanager
    def engine(self, name: str | None = None) -> Iterator[ScriptedEngine]:
        """Lends it."""
        if self.missing:
            raise ModelUnavailable("The script has no model.", retry_after_seconds=0.1)
        self.leases += 1
        try:
            yield self.loaded
        finally:
            self.leases -= 1
