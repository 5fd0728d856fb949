"""Paragraphs: consecutive speech ranges that are decoded once more together, for better words."""

from collections import deque
from dataclasses import dataclass

from whisper_appliance.core.audio_format import SAMPLE_RATE

MAX_SECONDS = 24.0
PAUSE_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class SpeechRange:
    """A range of samples, and the committed words `first_word` to before `stop_word` that lie in it."""

    start: int
    stop: int
    first_word: int
    stop_word: int


class Paragraphs:
    """Groups speech ranges into paragraphs of at most `MAX_SECONDS` that end at a pause."""

    def __init__(self) -> None:
        self._open: list[SpeechRange] = []
        self._ready: deque[SpeechRange] = deque()

    def add(self, speech: SpeechRange) -> None:
        """Adds a range that has ended."""
        if speech.stop_word == speech.first_word:
            return
        if self._open and speech.start - self._open[-1].stop >= PAUSE_SECONDS * SAMPLE_RATE:
            self._close(len(self._open))
        while self._open and speech.stop - self._open[0].start > MAX_SECONDS * SAMPLE_RATE:
            self._close(self._best_end(speech))
        self._open.append(speech)

    def pause(self, position: int) -> None:
        """Closes the open paragraph if it ended `PAUSE_SECONDS` before this sample."""
        if self._open and position - self._open[-1].stop >= PAUSE_SECONDS * SAMPLE_RATE:
            self._close(len(self._open))

    def __bool__(self) -> bool:
        return bool(self._ready)

    def pop(self) -> SpeechRange:
        """Removes and returns the oldest closed paragraph."""
        return self._ready.popleft()

    def _best_end(self, following: SpeechRange) -> int:
        """The number of open ranges to close: up to the longest pause."""
        starts = [speech.start for speech in [*self._open[1:], following]]
        pauses = [start - speech.stop for start, speech in zip(starts, self._open, strict=True)]
        return len(pauses) - pauses[::-1].index(max(pauses))

    def _close(self, count: int) -> None:
        closed, self._open = self._open[:count], self._open[count:]
        first, last = closed[0], closed[-1]
        if last.stop - first.start <= MAX_SECONDS * SAMPLE_RATE:
            self._ready.append(SpeechRange(first.start, last.stop, first.first_word, last.stop_word))
