"""The decoder contract (`WhisperBackend`): what a window is decoded with, whatever library runs the model."""

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import BatchRule, Options
from whisper_appliance.engines.whisper.log_mel import FRAMES_PER_SECOND, MAX_FRAMES, LogMel
from whisper_appliance.engines.whisper.tokenizer import WhisperTokenizer
from whisper_appliance.engines.whisper.word_timestamps import Alignment, words_of_segments
from whisper_appliance.transcript.model import Segment

if TYPE_CHECKING:
    from tokenizers import Tokenizer as TokenizerFile

# Whisper's own thresholds (openai/whisper, `transcribe`).
LOW_LOGPROB = -1.0
HIGH_COMPRESSION = 2.4
HIGH_NO_SPEECH = 0.6


Part = tuple[float, float]
"""A part of a window: start and end in seconds."""
POSITIONS_PER_SECOND = 50
"""Of the encoder's output."""


def positions_of(part: Part) -> slice:
    """The positions of a part in the encoder's output."""
    start, end = (round(seconds * POSITIONS_PER_SECOND) for seconds in part)
    return slice(start, end)


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """One decoded text: tokens with timestamps, and the measures of its confidence."""

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    encoded_with_attention: Any = None
    """The encoded audio with the attention of this text, if `keep_attention` was set and the backend can."""

    @property
    def needs_fallback(self) -> bool:
        """Whether to decode again: the text repeats itself, or is unlikely although there is speech."""
        if self.compression_ratio > HIGH_COMPRESSION:
            return True
        return self.avg_logprob < LOW_LOGPROB and self.no_speech_prob <= HIGH_NO_SPEECH


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """What to decode, from which prompt, and how: greedy, beam search, or sampling at a temperature."""

    encoded: Any
    prompt: list[int]
    tokenizer: Any
    new_tokens: int
    beam_size: int
    temperatures: tuple[float, ...] = ()
    """One text is sampled at each (`best_sample` chooses); none for greedy decoding and beam search."""
    prefix_tokens: tuple[int, ...] = ()
    """Text that the result begins with; counted in `new_tokens`."""
    keep_attention: bool = False
    """Whether word timestamps will be computed from the result."""
    batch: BatchRule = "free"
    seed: int = 0

    @property
    def forced_prefix(self) -> list[int]:
        """The tokens that the result begins with: a timestamp and the prefix, if there is one."""
        return [self.tokenizer.timestamp_begin, *self.prefix_tokens] if self.prefix_tokens else []

    @property
    def batch_key(self) -> Hashable:
        """Requests with equal keys are decoded in one batch; of several rows a window, each by itself."""
        if self.beam_size > 1 or self.temperatures:
            return id(self)
        shape = tuple(self.encoded.shape)
        lengths = len(self.prompt), len(self.prefix_tokens)
        return shape, lengths, id(self.tokenizer), self.keep_attention, self.batch


def best_sample(samples: Sequence[DecodeResult]) -> DecodeResult:
    """The first, by temperature and then by likelihood, that needs no fallback; else the likeliest."""
    ordered = sorted(samples, key=lambda one: (one.temperature, -one.avg_logprob))
    good = [one for one in ordered if not one.needs_fallback]
    return good[0] if good else max(samples, key=lambda one: one.avg_logprob)


class WhisperBackend(Protocol):
    """A loaded model. What `encode` and `tokenizer` return is opaque and is only handed back to it.

    Of encoded windows with equal `shape`, several can be decoded in one batch.
    """

    @property
    def batches_any_length(self) -> bool:
        """Whether a batch may hold windows of different lengths; otherwise all are padded to the longest."""
        ...

    @property
    def multilingual(self) -> bool:
        """False for English-only models."""
        ...

    def tokenizer(self, language: str, task: str) -> Any:
        """The tokenizer for a language and task: encode, decode, eot, timestamp_begin."""
        ...

    def encode(self, samples: Samples, seconds: float) -> Any:
        """The encoder's output for the samples, padded with zeros to `seconds`; it has a `shape`."""
        ...

    def language_probabilities(
        self, encoded: Any, parts: Sequence[Part] = ()
    ) -> Sequence[Mapping[str, float]]:
        """The probability of each language of the model, by code: in the whole window, then in each part.

        The parts are equally long.
        """
        ...

    def prompt(self, tokenizer: Any, options: Options, previous: Sequence[int]) -> list[int]:
        """The decoder's prompt: hot words, prompt and `previous` tokens, then language and task."""
        ...

    def decode(self, requests: Sequence[DecodeRequest]) -> list[DecodeResult]:
        """Decodes one batch of equal `batch_key`, at most `new_tokens` tokens each."""
        ...

    def add_word_timestamps(
        self, segments: list[Segment], tokenizer: Any, encoded: Any, seconds: float
    ) -> list[Segment]:
        """The segments with `words`. `seconds` is the length of the audio without padding."""
        ...


class TokenizerFileBackend(ABC):
    """The library-independent half of a backend: tokenizer, log-mel spectrogram, prompt, word timestamps.

    For models with a `tokenizer.json` beside their weights (CTranslate2's format).
    """

    batches_any_length = False

    def __init__(self, file: "TokenizerFile", *, mels: int, max_tokens: int, multilingual: bool) -> None:
        """`max_tokens` is the decoder's context."""
        self._file = file
        self._max_tokens = max_tokens
        self.log_mel = LogMel(mels)
        self.multilingual = multilingual
        self._tokenizers: dict[tuple[str, str], WhisperTokenizer] = {}

    @abstractmethod
    def align(self, encoded: Any, start: Sequence[int], text: Sequence[int], frames: int) -> Alignment:
        """Aligns text tokens with the audio, of which the first `frames` (10 ms each) are no padding.

        `start` are the tokens of language and task.
        """

    def tokenizer(self, language: str, task: str) -> WhisperTokenizer:
        """The tokenizer for a language and task, made once. Raises `ValueError` for another language."""
        key = (language, task)
        if key not in self._tokenizers:
            self._tokenizers[key] = WhisperTokenizer(
                self._file, multilingual=self.multilingual, task=task, language=language
            )
        return self._tokenizers[key]

    def prompt(self, tokenizer: WhisperTokenizer, options: Options, previous: Sequence[int]) -> list[int]:
        """See `WhisperBackend`."""
        return tokenizer.prompt(options, previous, self._max_tokens)

    def add_word_timestamps(
        self, segments: list[Segment], tokenizer: WhisperTokenizer, encoded: Any, seconds: float
    ) -> list[Segment]:
        """The segments with `words` (dynamic time warping over the cross-attention)."""
        text = [token for segment in segments for token in segment.tokens if token < tokenizer.eot]
        if not text:
            return segments
        frames = min(math.ceil(seconds * FRAMES_PER_SECOND), MAX_FRAMES)
        return words_of_segments(
            segments, tokenizer, self.align(encoded, tokenizer.sot_sequence, text, frames)
        )
