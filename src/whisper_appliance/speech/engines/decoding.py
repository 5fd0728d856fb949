"""What a window is heard with: the pieces of a Whisper model, and one answer of its decoder."""

from dataclasses import dataclass
from typing import Any, Protocol

from whisper_appliance.speech.engine import Options, Samples
from whisper_appliance.speech.transcript import Segment

LOW_LOGPROB = -1.0
HIGH_COMPRESSION = 2.4
HIGH_NO_SPEECH = 0.6


@dataclass(frozen=True, slots=True)
class Decoding:
    """One answer of the decoder: tokens with timestamps, and how sure it was."""

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float

    @property
    def looks_bad(self) -> bool:
        """Worth another try: repetitive, or unlikely although there is speech."""
        if self.compression_ratio > HIGH_COMPRESSION:
            return True
        return self.avg_logprob < LOW_LOGPROB and self.no_speech_prob <= HIGH_NO_SPEECH


class Decoder(Protocol):
    """A loaded model. What it encodes, and its tokenizer, are its own and only handed back to it."""

    @property
    def multilingual(self) -> bool:
        """Whether it knows more than English."""
        ...

    def tokenizer(self, language: str, task: str) -> Any:
        """The tokenizer for a language and task: encode, decode, eot, timestamp_begin."""
        ...

    def encode(self, samples: Samples, *, whole: bool = False) -> Any:
        """The encoder's output for the samples and their padding; `whole` pads to Whisper's own 30 s."""
        ...

    def detect_language(self, encoded: Any) -> tuple[str, float]:
        """The most probable language and its probability."""
        ...

    def prompt(self, tokenizer: Any, options: Options, previous_text: str | None) -> list[int]:
        """The tokens that `decode` wants to start from."""
        ...

    def decode(
        self,
        encoded: Any,
        prompt: list[int],
        tokenizer: Any,
        new_tokens: int,
        beam_size: int,
        temperature: float,
    ) -> Decoding:
        """Lets the decoder speak, at most `new_tokens` tokens."""
        ...

    def add_words(
        self, segments: list[Segment], tokenizer: Any, encoded: Any, seconds: float
    ) -> list[Segment]:
        """The segments with the times of their words."""
        ...
