"""Endpointing: finds utterances in the frame probabilities of the VAD; a pause ends an utterance."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.engines.vad import FRAME, SILENCE_BELOW, SPEECH_AT

LEAD_SECONDS = 0.3
TAIL_SECONDS = 0.3
PAUSE_SECONDS = 0.6
MIN_VOICED_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Endpointing:
    """When utterances begin and end. The field names are keys of the journal.

    `threshold` is the speech probability of a frame with speech, `lead_seconds` how much audio before the
    first one belongs to the utterance, `pause_seconds` how much silence ends it. Every
    `long_pause_seconds` of silence is reported, too.
    """

    threshold: float = SPEECH_AT
    lead_seconds: float = LEAD_SECONDS
    pause_seconds: float = PAUSE_SECONDS
    long_pause_seconds: float | None = None


DEFAULT_ENDPOINTING = Endpointing()


@dataclass(slots=True)
class Utterance:
    """A range of speech in samples; `stop` is None while it is open.

    The last voiced frame ends at `voice_stop`; `stop` adds `TAIL_SECONDS`.
    """

    start: int
    stop: int | None = None
    voice_stop: int = 0


@dataclass(frozen=True, slots=True)
class SpeechEdge:
    """The begin (`speech=True`) or the end of an utterance, or a long pause."""

    speech: bool
    at_seconds: float
    long_pause: bool = False


class EndpointDetector:
    """Detects begin and end of utterances; `utterances` holds those not fully decoded, oldest first."""

    def __init__(self, start: int = 0, options: Endpointing = DEFAULT_ENDPOINTING) -> None:
        """`start` is the sample at which the first frame begins."""
        self._options = options
        self._silence_below = options.threshold - (SPEECH_AT - SILENCE_BELOW)
        self._tail = round(min(TAIL_SECONDS, options.pause_seconds) * SAMPLE_RATE)
        self.position = start
        self.last_voice = start
        self.utterances: deque[Utterance] = deque()
        self._min_start = self._paused_at = start
        self._in_speech = False
        self._voiced_frames = 0

    @property
    def current(self) -> Utterance | None:
        """The utterance to decode next."""
        return self.utterances[0] if self.utterances else None

    @property
    def silence(self) -> int:
        """The number of samples since the last voiced frame."""
        return self.position - self.last_voice

    def feed(self, probabilities: Iterable[float]) -> Iterator[SpeechEdge]:
        """Processes one speech probability for each frame of 512 samples."""
        for probability in probabilities:
            voiced = probability >= (self._silence_below if self._voiced_frames else self._options.threshold)
            self._voiced_frames = self._voiced_frames + 1 if voiced else 0
            self.position += FRAME
            if self._in_speech:
                yield from self._continue(voiced)
            elif self._voiced_frames >= MIN_VOICED_FRAMES:
                yield self._open(self.position - self._voiced_frames * FRAME)
            elif self._is_long_pause():
                self._paused_at = self.position
                yield SpeechEdge(False, self.position / SAMPLE_RATE, long_pause=True)

    def cut(self) -> Iterator[SpeechEdge]:
        """Closes the open utterance here; what follows belongs to another one."""
        yield from self.end(self.position)
        self._min_start = self.position
        self._voiced_frames = 0

    def end(self, samples: int) -> Iterator[SpeechEdge]:
        """Closes the open utterance, because the recording ends after this many samples."""
        if self._in_speech:
            yield self._close()
        if self.utterances and self.utterances[-1].stop is not None:
            self.utterances[-1].stop = min(self.utterances[-1].stop, samples)

    def _is_long_pause(self) -> bool:
        seconds = self._options.long_pause_seconds
        quiet = self.position - max(self.last_voice, self._paused_at)
        return seconds is not None and quiet >= seconds * SAMPLE_RATE

    def _continue(self, voiced: bool) -> Iterator[SpeechEdge]:
        if voiced:
            self.last_voice = self.position
        elif self.silence >= self._options.pause_seconds * SAMPLE_RATE:
            yield self._close()

    def _open(self, onset: int) -> SpeechEdge:
        self._in_speech = True
        self.last_voice = self.position
        start = max(onset - round(self._options.lead_seconds * SAMPLE_RATE), self._min_start)
        self.utterances.append(Utterance(start))
        return SpeechEdge(True, onset / SAMPLE_RATE)

    def _close(self) -> SpeechEdge:
        self._in_speech = False
        self._voiced_frames = 0
        self._min_start = self.last_voice + self._tail
        self.utterances[-1].voice_stop = self.last_voice
        self.utterances[-1].stop = self._min_start
        return SpeechEdge(False, self.last_voice / SAMPLE_RATE)
