"""Where somebody speaks: frames of voice probability become utterances, each open until a pause ends it."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.vad import FRAME

SPEECH_AT = 0.5
SILENCE_BELOW = 0.35
LEAD_SECONDS = 0.3
TAIL_SECONDS = 0.3
PAUSE_SECONDS = 0.6
MIN_VOICED_FRAMES = 3


@dataclass(slots=True)
class Utterance:
    """A stretch of speech by sample numbers; `stop` is None while it goes on.

    The voice itself ends at `voice_stop`; `stop` leaves it a tail.
    """

    start: int
    stop: int | None = None
    voice_stop: int = 0


@dataclass(frozen=True, slots=True)
class SpeechEdge:
    """Somebody began to speak, or stopped."""

    speech: bool
    at_seconds: float


class EndpointDetector:
    """Listens frame by frame. `utterances` are those that nobody has dealt with yet, oldest first."""

    def __init__(self, start: int = 0) -> None:
        """`start` is the sample the first frame begins with."""
        self.position = start
        self.last_voice = start
        self.utterances: deque[Utterance] = deque()
        self._floor = start
        self._speaking = False
        self._run = 0

    @property
    def current(self) -> Utterance | None:
        """The utterance to be heard next."""
        return self.utterances[0] if self.utterances else None

    @property
    def silence(self) -> int:
        """For how many samples nobody has spoken."""
        return self.position - self.last_voice

    def feed(self, probabilities: Iterable[float]) -> Iterator[SpeechEdge]:
        """Takes one probability for each frame of 512 samples."""
        for probability in probabilities:
            voiced = probability >= (SILENCE_BELOW if self._run else SPEECH_AT)
            self._run = self._run + 1 if voiced else 0
            self.position += FRAME
            if self._speaking:
                yield from self._go_on(voiced)
            elif self._run >= MIN_VOICED_FRAMES:
                yield self._open(self.position - self._run * FRAME)

    def end(self, samples: int) -> Iterator[SpeechEdge]:
        """No more audio comes than these samples."""
        if self._speaking:
            yield self._close()
        if self.utterances and self.utterances[-1].stop is not None:
            self.utterances[-1].stop = min(self.utterances[-1].stop, samples)

    def _go_on(self, voiced: bool) -> Iterator[SpeechEdge]:
        if voiced:
            self.last_voice = self.position
        elif self.silence >= PAUSE_SECONDS * SAMPLE_RATE:
            yield self._close()

    def _open(self, onset: int) -> SpeechEdge:
        self._speaking = True
        self.last_voice = self.position
        start = max(onset - round(LEAD_SECONDS * SAMPLE_RATE), self._floor)
        self.utterances.append(Utterance(start))
        return SpeechEdge(True, onset / SAMPLE_RATE)

    def _close(self) -> SpeechEdge:
        self._speaking = False
        self._run = 0
        self._floor = self.last_voice + round(TAIL_SECONDS * SAMPLE_RATE)
        self.utterances[-1].voice_stop = self.last_voice
        self.utterances[-1].stop = self._floor
        return SpeechEdge(False, self.last_voice / SAMPLE_RATE)
