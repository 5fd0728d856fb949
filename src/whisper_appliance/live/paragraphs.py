"""Paragraphs: finished pieces of speech that are heard once more, together, for better words."""

from collections import deque
from dataclasses import dataclass

from whisper_appliance.core.audio_format import SAMPLE_RATE

LONGEST_SECONDS = 24.0
PAUSE_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class SpeechRange:
    """A stretch of the recording by samples, and which of the settled words lie in it."""

    start: int
    stop: int
    first_word: int
    stop_word: int


class Paragraphs:
    """Groups pieces, as they end, into paragraphs of at most 24 s that end where somebody paused."""

    def __init__(self) -> None:
        self._open: list[SpeechRange] = []
        self._ready: deque[SpeechRange] = deque()

    def add(self, piece: SpeechRange) -> None:
        """One more piece has ended."""
        if piece.stop_word == piece.first_word:
            return
        if self._open and piece.start - self._open[-1].stop >= PAUSE_SECONDS * SAMPLE_RATE:
            self._close(len(self._open))
        while self._open and piece.stop - self._open[0].start > LONGEST_SECONDS * SAMPLE_RATE:
            self._close(self._best_end(piece))
        self._open.append(piece)

    def pause(self, position: int) -> None:
        """Nobody has spoken up to this sample."""
        if self._open and position - self._open[-1].stop >= PAUSE_SECONDS * SAMPLE_RATE:
            self._close(len(self._open))

    def __bool__(self) -> bool:
        return bool(self._ready)

    def pop(self) -> SpeechRange:
        """The oldest finished paragraph."""
        return self._ready.popleft()

    def _best_end(self, following: SpeechRange) -> int:
        """How many of the open pieces to close: up to the longest pause."""
        starts = [piece.start for piece in [*self._open[1:], following]]
        pauses = [start - piece.stop for start, piece in zip(starts, self._open, strict=True)]
        return len(pauses) - pauses[::-1].index(max(pauses))

    def _close(self, count: int) -> None:
        pieces, self._open = self._open[:count], self._open[count:]
        first, last = pieces[0], pieces[-1]
        if last.stop - first.start <= LONGEST_SECONDS * SAMPLE_RATE:
            self._ready.append(SpeechRange(first.start, last.stop, first.first_word, last.stop_word))
