"""The pieces of a Whisper model on CTranslate2: encode, detect the language, decode, align."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Options
from whisper_appliance.engines.whisper.decoder_api import DecodeRequest, DecodeResult
from whisper_appliance.engines.whisper.repetition import compression_ratio
from whisper_appliance.transcript.model import Segment, Word

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

MAX_FRAMES = 3000
FRAMES_PER_SECOND = 100
PREPENDED_PUNCTUATION = "\"'“¿([{-"
APPENDED_PUNCTUATION = "\"'.。,，!！?？:：”)]}、"


class CT2Model:
    """A loaded model; calls from several threads run side by side, one core each on the CPU."""

    def __init__(self, model: "WhisperModel") -> None:
        """Takes faster-whisper's model, whose tokenizer, features and alignment are used."""
        self._model = model
        self.multilingual: bool = model.model.is_multilingual
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}

    def tokenizer(self, language: str, task: str) -> "Tokenizer":
        """The tokenizer for a language and task, made once."""
        from faster_whisper.tokenizer import Tokenizer

        key = (language, task)
        if key not in self._tokenizers:
            self._tokenizers[key] = Tokenizer(
                self._model.hf_tokenizer, self.multilingual, task=task, language=language
            )
        return self._tokenizers[key]

    def encode(self, samples: Samples, seconds: float) -> "StorageView":
        """The encoder's output for the samples, with zeros after them up to `seconds`."""
        from faster_whisper.transcribe import get_ctranslate2_storage

        # Kept in the machine's memory, from where windows are put together.
        features = features_of(self._model, samples, seconds)
        return self._model.model.encode(get_ctranslate2_storage(features[np.newaxis]), to_cpu=True)

    def detect_language(self, encoded: "StorageView") -> tuple[str, float]:
        """The most probable language and its probability."""
        token, probability = self._model.model.detect_language(encoded)[0][0]
        return token[2:-2], probability

    def decode(self, asks: Sequence[DecodeRequest]) -> list[DecodeResult]:
        """Lets the decoder speak; one batch."""
        from faster_whisper.transcribe import get_suppressed_tokens

        first = asks[0]
        new_tokens = max(ask.new_tokens for ask in asks)
        sampling: dict[str, Any] = {"beam_size": first.beam_size}
        if first.temperature > 0:
            sampling = {"num_hypotheses": 5, "sampling_topk": 0, "sampling_temperature": first.temperature}
        results = self._model.model.generate(
            _together([ask.encoded for ask in asks]),
            [[*ask.prompt, *begun(ask)] for ask in asks],
            # CTranslate2 generates at most min(max_length / 2, max_length - prompt) tokens.
            # Those that are known count as generated.
            max_length=min(self._model.max_length, max(2 * new_tokens, new_tokens + len(first.prompt))),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(first.tokenizer, [-1]),
            max_initial_timestamp_index=50,
            **sampling,
        )
        return [_decoding(ask, result) for ask, result in zip(asks, results, strict=True)]

    def add_word_timestamps(
        self, segments: list[Segment], tokenizer: "Tokenizer", encoded: "StorageView", seconds: float
    ) -> list[Segment]:
        """The segments with the times of their words (dynamic time warping over the cross-attention)."""
        drafts: list[dict[str, Any]] = [
            {"seek": 0, "start": s.start, "end": s.end, "tokens": list(s.tokens)} for s in segments
        ]
        if not drafts:
            return segments
        frames = min(math.ceil(seconds * FRAMES_PER_SECOND), MAX_FRAMES)
        self._model.add_word_timestamps(
            [drafts], tokenizer, encoded, frames, PREPENDED_PUNCTUATION, APPENDED_PUNCTUATION, 0.0
        )
        return [_with_words(segment, draft) for segment, draft in zip(segments, drafts, strict=True)]

    def prompt(self, tokenizer: "Tokenizer", options: Options, previous: Sequence[int]) -> list[int]:
        """The tokens the decoder starts from: hot words, prompt and what was said before, then the task."""
        given = tokenizer.encode(" " + options.prompt.strip()) if options.prompt else []
        tokens: list[int] = self._model.get_prompt(tokenizer, [*given, *previous], hotwords=options.hotwords)
        return tokens


def features_of(model: "WhisperModel", samples: Samples, seconds: float) -> "npt.NDArray[np.float32]":
    """The log-mel spectrogram (mels, frames) of the samples, with zeros after them up to `seconds`."""
    zeros = max(round(seconds * SAMPLE_RATE) - len(samples), 0)
    features: npt.NDArray[np.float32] = model.feature_extractor(np.pad(samples, (0, zeros)))
    return features[:, : min(features.shape[-1] // 2 * 2, MAX_FRAMES)]


def _together(encoded: "list[StorageView]") -> "StorageView":
    from ctranslate2 import StorageView

    if len(encoded) == 1:
        return encoded[0]
    return StorageView.from_array(np.concatenate([np.asarray(one) for one in encoded]))


def begun(ask: DecodeRequest) -> list[int]:
    """The tokens that the answer begins with."""
    return [ask.tokenizer.timestamp_begin, *ask.prefix_tokens] if ask.prefix_tokens else []


def _decoding(ask: DecodeRequest, result: Any) -> DecodeResult:
    tokens = result.sequences_ids[0]
    new = max(0, len(tokens) - len(begun(ask)))
    text = ask.tokenizer.decode([token for token in tokens if token < ask.tokenizer.eot])
    logprob = result.scores[0] * len(tokens) / (new + 1)
    return DecodeResult(tokens, logprob, result.no_speech_prob, compression_ratio(text), ask.temperature)


def _with_words(segment: Segment, draft: dict[str, Any]) -> Segment:
    words = tuple(
        Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"]))
        for w in draft.get("words", ())
    )
    return replace(segment, start=float(draft["start"]), end=float(draft["end"]), words=words)
