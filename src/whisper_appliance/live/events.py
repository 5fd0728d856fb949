"""Events of a live session, as its client receives them; docs/live.md has the JSON of each.

Journaled events are numbered and written to the journal. Of the others, only the newest counts.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from whisper_appliance.transcript.model import Word

Payload = dict[str, object]
BackpressureLevel = Literal["ok", "slow", "finals_only", "pause"]


@dataclass(frozen=True, slots=True)
class Partial:
    """The tentative text behind the first `after` committed words. Replaced by the next one."""

    kind: ClassVar = "partial"
    journaled: ClassVar = False
    revision: int
    after: int
    text: str
    start: float
    end: float

    def payload(self) -> Payload:
        """The event as JSON."""
        return {
            "rev": self.revision,
            "after": self.after,
            "text": self.text,
            "t0": self.start,
            "t1": self.end,
        }


@dataclass(frozen=True, slots=True)
class Committed:
    """Committed words, which do not change any more; the first is number `first` of the session."""

    kind: ClassVar = "commit"
    journaled: ClassVar = True
    utterance: int
    first: int
    words: tuple[Word, ...]

    def payload(self) -> Payload:
        """The event as JSON."""
        return {"utt": self.utterance, "i": self.first, **_words_payload(self.words)}


@dataclass(frozen=True, slots=True)
class Refined:
    """A paragraph decoded once more: replaces the committed words `first` to before `stop`."""

    kind: ClassVar = "final"
    journaled: ClassVar = True
    paragraph: int
    first: int
    stop: int
    words: tuple[Word, ...]
    language: str

    def payload(self) -> Payload:
        """The event as JSON."""
        return {
            "para": self.paragraph,
            "i0": self.first,
            "i1": self.stop,
            "language": self.language,
            **_words_payload(self.words),
        }


@dataclass(frozen=True, slots=True)
class SpeechActivity:
    """Speech began or ended, by the VAD."""

    kind: ClassVar = "vad"
    journaled: ClassVar = True
    speech: bool
    at: float

    def payload(self) -> Payload:
        """The event as JSON."""
        return {"speech": self.speech, "t": round(self.at, 2)}


@dataclass(frozen=True, slots=True)
class LongPause:
    """There was no speech for the `long_pause_seconds` of the session."""

    kind: ClassVar = "pause"
    journaled: ClassVar = False
    at: float

    def payload(self) -> Payload:
        """The event as JSON."""
        return {"t": round(self.at, 2)}


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """All words of an utterance are committed. `language` is the detected one, "" if there is none yet."""

    kind: ClassVar = "utterance"
    journaled: ClassVar = False
    utterance: int
    start: float
    end: float
    language: str

    def payload(self) -> Payload:
        """The event as JSON."""
        return {
            "utt": self.utterance,
            "t0": round(self.start, 2),
            "t1": round(self.end, 2),
            "language": self.language,
        }


@dataclass(frozen=True, slots=True)
class Flushed:
    """All words of the audio before a flush are committed."""

    kind: ClassVar = "flushed"
    journaled: ClassVar = False
    at: float
    language: str

    def payload(self) -> Payload:
        """The event as JSON."""
        return {"t": round(self.at, 2), "language": self.language}


@dataclass(frozen=True, slots=True)
class Backpressure:
    """How far decoding is behind the audio."""

    kind: ClassVar = "flow"
    journaled: ClassVar = False
    level: BackpressureLevel
    lag_ms: int

    def payload(self) -> Payload:
        """The event as JSON."""
        return {"level": self.level, "lag_ms": self.lag_ms}


@dataclass(frozen=True, slots=True)
class AudioFlow:
    """Whether audio arrives: it does not while the speaker pauses or is disconnected."""

    kind: ClassVar = "input"
    journaled: ClassVar = False
    arriving: bool

    def payload(self) -> Payload:
        """The event as JSON."""
        return {"arriving": self.arriving}


@dataclass(frozen=True, slots=True)
class Failed:
    """An error; unless it is fatal, the recording continues."""

    kind: ClassVar = "error"
    journaled: ClassVar = True
    code: str
    message: str
    fatal: bool = False

    def payload(self) -> Payload:
        """The event as JSON."""
        return {"code": self.code, "message": self.message, "fatal": self.fatal}


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The end of a session; `transcript_id` is None if it was cancelled or had no audio."""

    kind: ClassVar = "end"
    journaled: ClassVar = True
    text: str
    seconds: float
    transcript_id: str | None

    def payload(self) -> Payload:
        """The event as JSON."""
        return {"text": self.text, "seconds": round(self.seconds, 2), "transcript_id": self.transcript_id}


Event = (
    Partial
    | Committed
    | Refined
    | SpeechActivity
    | LongPause
    | UtteranceEnded
    | Flushed
    | Backpressure
    | AudioFlow
    | Failed
    | SessionEnded
)


def words_from_payload(payload: Payload) -> tuple[Word, ...]:
    """The words in the payload of a commit or a final."""
    listed = payload["words"]
    assert isinstance(listed, list)  # noqa: S101 - written by `_words_payload`
    return tuple(Word(word["t0"], word["t1"], word["w"], word["p"]) for word in listed)


def _words_payload(words: tuple[Word, ...]) -> Payload:
    listed = [
        {"w": w.word, "t0": round(w.start, 2), "t1": round(w.end, 2), "p": round(w.probability, 3)}
        for w in words
    ]
    return {"words": listed, "text": "".join(w.word for w in words)}
