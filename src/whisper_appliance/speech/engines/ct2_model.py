"""The pieces of a Whisper model on CTranslate2: encode, detect the language, decode, align.

The encoder is given only as much audio as there is, plus three seconds of zeros, instead of Whisper's fixed
30 s: its time falls faster than linearly with length.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from whisper_appliance.speech.engine import SAMPLE_RATE, Options, Samples
from whisper_appliance.speech.engines.decoding import Decoding
from whisper_appliance.speech.repetition import compression_ratio
from whisper_appliance.speech.transcript import Segment, Word

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

PADDING_SECONDS = 3.0
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

    def encode(self, samples: Samples, *, whole: bool = False) -> "StorageView":
        """The encoder's output for the samples and their padding; `whole` pads to Whisper's own 30 s."""
        from faster_whisper.transcribe import get_ctranslate2_storage

        padding = 30 * SAMPLE_RATE - len(samples) if whole else round(PADDING_SECONDS * SAMPLE_RATE)
        features = self._model.feature_extractor(np.pad(samples, (0, max(padding, 0))))
        frames = min(features.shape[-1] // 2 * 2, MAX_FRAMES)
        return self._model.model.encode(
            get_ctranslate2_storage(features[np.newaxis, :, :frames]), to_cpu=False
        )

    def detect_language(self, encoded: "StorageView") -> tuple[str, float]:
        """The most probable language and its probability."""
        token, probability = self._model.model.detect_language(encoded)[0][0]
        return token[2:-2], probability

    def decode(self, encoded: "StorageView", prompt: list[int], tokenizer: "Tokenizer", new_tokens: int,
               beam_size: int, temperature: float) -> Decoding:  # fmt: skip
        """Lets the decoder speak, at most `new_tokens` tokens."""
        from faster_whisper.transcribe import get_suppressed_tokens

        sampling: dict[str, Any] = {"beam_size": beam_size}
        if temperature > 0:
            sampling = {"num_hypotheses": 5, "sampling_topk": 0, "sampling_temperature": temperature}
        result = self._model.model.generate(
            encoded,
            [prompt],
            # CTranslate2 generates at most min(max_length / 2, max_length - prompt) tokens.
            max_length=min(self._model.max_length, max(2 * new_tokens, new_tokens + len(prompt))),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            max_initial_timestamp_index=50,
            **sampling,
        )[0]
        tokens = result.sequences_ids[0]
        text = tokenizer.decode([token for token in tokens if token < tokenizer.eot])
        logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        return Decoding(tokens, logprob, result.no_speech_prob, compression_ratio(text), temperature)

    def add_words(
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

    def prompt(self, tokenizer: "Tokenizer", options: Options, previous_text: str | None) -> list[int]:
        """The tokens the decoder starts from: hot words, prompt and what was said before, then the task."""
        before = " ".join(part.strip() for part in (options.prompt, previous_text) if part)
        previous = tokenizer.encode(" " + before) if before else []
        tokens: list[int] = self._model.get_prompt(tokenizer, previous, hotwords=options.hotwords)
        return tokens


def _with_words(segment: Segment, draft: dict[str, Any]) -> Segment:
    words = tuple(
        Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"]))
        for w in draft.get("words", ())
    )
    return replace(segment, start=float(draft["start"]), end=float(draft["end"]), words=words)
