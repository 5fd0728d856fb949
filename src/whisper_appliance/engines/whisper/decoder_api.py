"""What a window is heard with: the pieces of a Whisper model, and one answer of its decoder."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Options
from whisper_appliance.transcript.model import Segment

LOW_LOGPROB = -1.0
HIGH_COMPRESSION = 2.4
HIGH_NO_SPEECH = 0.6


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """One answer of the decoder: tokens with timestamps, and how sure it was."""

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    encoded_with_attention: Any = None
    """What was encoded, with what is known of the times of words, where that was asked for and is known."""

    @property
    def needs_fallback(self) -> bool:
        """Worth another try: repetitive, or unlikely although there is speech."""
        if self.compression_ratio > HIGH_COMPRESSION:
            return True
        return self.avg_logprob < LOW_LOGPROB and self.no_speech_prob <= HIGH_NO_SPEECH


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """What the decoder is asked: to put what the encoder made of a stretch of audio into words."""

    encoded: Any
    prompt: list[int]
    tokenizer: Any
    new_tokens: int
    beam_size: int
    temperature: float
    prefix_tokens: tuple[int, ...] = ()
    """Text that the answer begins with; counted in `new_tokens`."""
    keep_attention: bool = False
    """Whether the times of words will be asked for."""

    @property
    def batch_key(self) -> Hashable:
        """What asks have to share to be answered together."""
        shape = tuple(self.encoded.shape)
        lengths = len(self.prompt), len(self.prefix_tokens)
        return shape, lengths, id(self.tokenizer), self.beam_size, self.temperature, self.keep_attention


class WhisperBackend(Protocol):
    """A loaded model. What it encodes, and its tokenizer, are its own and only handed back to it."""

    @property
    def multilingual(self) -> bool:
        """Whether it knows more than English."""
        ...

    def tokenizer(self, language: str, task: str) -> Any:
        """The tokenizer for a language and task: encode, decode, eot, timestamp_begin."""
        ...

    def encode(self, samples: Samples, seconds: float) -> Any:
        """The encoder's output for the samples, with zeros after them up to `seconds`; it has a `shape`."""
        ...

    def detect_language(self, encoded: Any) -> tuple[str, float]:
        """The most probable language and its probability."""
        ...

    def prompt(self, tokenizer: Any, options: Options, previous: Sequence[int]) -> list[int]:
        """The tokens that `decode` wants to start from."""
        ...

    def decode(self, asks: Sequence[DecodeRequest]) -> list[DecodeResult]:
        """Lets the decoder speak, at most `new_tokens` tokens each; the asks are of one kind."""
        ...

    def add_word_timestamps(
        self, segments: list[Segment], tokenizer: Any, encoded: Any, seconds: float
    ) -> list[Segment]:
        """The segments with the times of their words."""
        ...
