"""What hearing asks of a model, answered on ONNX Runtime: encode, detect the language, decode, align."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.transcribe import get_suppressed_tokens
from tokenizers import Tokenizer as TokenizerFile

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.faster_whisper.ct2_model import CT2Model, begun, features_of
from whisper_appliance.engines.onnx.alignment import Alignment, EncodedWithAttention, align
from whisper_appliance.engines.onnx.ct2_weights import Floats
from whisper_appliance.engines.onnx.token_search import NEVER, Hypothesis, TokenSearch
from whisper_appliance.engines.onnx.whisper import EncodedWindows, OnnxWhisper, SpecialTokens, StepOutput
from whisper_appliance.engines.whisper.decoder_api import DecodeRequest, DecodeResult
from whisper_appliance.engines.whisper.repetition import compression_ratio
from whisper_appliance.transcript.languages import LANGUAGES

if TYPE_CHECKING:
    from faster_whisper.tokenizer import Tokenizer

DRAWN = 5


class OnnxModel(CT2Model):
    """A loaded model; calls from several threads run side by side, one core each."""

    def __init__(self, path: Path) -> None:
        """`path` is the folder of a CTranslate2 model.

        Raises `OSError`, and `ValueError` where the model is of a kind that is not known here.
        """
        whisper = _Whisper(path)
        super().__init__(whisper)
        self._whisper: OnnxWhisper = whisper.model
        self._suppressed: Floats | None = None

    def encode(self, samples: Samples, seconds: float) -> EncodedWindows:
        """What the encoder heard in the samples, with zeros after them up to `seconds`."""
        return self._whisper.encode(features_of(self._model, samples, seconds))

    def detect_language(self, encoded: EncodedWindows) -> tuple[str, float]:
        """The most probable language and its probability."""
        special = self._whisper.special
        logits = self._whisper.start_decoder(encoded, 1, 1).logits(np.array([[special.sot]]))[0]
        likely = logits[list(special.languages.values())]
        shares = np.exp(likely - likely.max())
        best = int(shares.argmax())
        return list(special.languages)[best], float(shares[best] / shares.sum())

    def decode(self, asks: Sequence[DecodeRequest]) -> list[DecodeResult]:
        """Lets the decoder speak; one batch."""
        first, special = asks[0], self._whisper.special
        heard = EncodedWindows.concat([ask.encoded for ask in asks])
        most = max(ask.new_tokens for ask in asks) + 1
        start = len(first.tokenizer.sot_sequence)
        room = self._whisper.sizes.positions - most
        prompt = np.array([[*_within(room, ask.prompt, start), *begun(ask)] for ask in asks])
        drawing = first.temperature > 0
        watched = first.keep_attention and first.beam_size == 1 and not drawing and self._whisper.few_heads
        views = _Views(asks, prompt.shape[1] - len(begun(first)), start) if watched else None
        answers = self._whisper.start_decoder(heard, 1, prompt.shape[1] + most, watched=views is not None)
        answers.suppress(self._suppress(first.tokenizer))
        # How the audio struck the decoder before it was told more: whether it hears speech at all.
        at_start = prompt.shape[1] - len(begun(first)) - start
        step, logits = answers.prefill(prompt, at_start, 1 if drawing else first.beam_size + 1)
        search = TokenSearch(answers, special, [Hypothesis(tuple(begun(ask))) for ask in asks], most)
        if drawing:
            said = search.sample(logits[:, 1], self._suppress(first.tokenizer), first.temperature, DRAWN,
                                np.random.default_rng())  # fmt: skip
        elif first.beam_size > 1:
            said = search.beam_search(step, first.beam_size)
        else:
            said = search.greedy(step, views.see if views else None)
        no_speech = _shares(logits[:, 0])[:, special.no_speech]
        decodings = [
            _decoding(ask, one, float(silent)) for ask, one, silent in zip(asks, said, no_speech, strict=True)
        ]
        if views is None:
            return decodings
        return [
            replace(decoding, encoded_with_attention=views.watched(window, one))
            for window, (decoding, one) in enumerate(zip(decodings, said, strict=True))
        ]

    def _suppress(self, tokenizer: "Tokenizer") -> Floats:
        """What is added to the logits so that the decoder says words and timestamps only."""
        if self._suppressed is None:
            suppressed = np.zeros(self._whisper.sizes.vocabulary, np.float32)
            suppressed[list(get_suppressed_tokens(tokenizer, [-1]))] = NEVER
            suppressed[tokenizer.eot + 1 : tokenizer.timestamp_begin] = NEVER  # languages, tasks and the like
            self._suppressed = suppressed
        return self._suppressed


class _Views:
    """What the decoder looks at before each token of greedy answers, and how likely words were, by window."""

    def __init__(self, asks: Sequence[DecodeRequest], prompt: int, start: int) -> None:
        """Of the prompt's tokens, the last `start` tell the decoder what to do, before what is known."""
        self._told = prompt - start
        self._answer = start - 1  # the row before the first token of the answer
        self._asks = asks
        self._rows: list[list[Floats]] = [[] for _ in asks]
        self._likely: list[list[float]] = [[] for _ in asks]

    def see(self, step: StepOutput, windows: Sequence[int]) -> None:
        """Takes a step's for these windows."""
        assert step.cross_attention is not None  # noqa: S101 - it was asked for
        for row, window in enumerate(windows):
            rows, seen = self._rows[window], step.cross_attention[row]
            rows.append(seen if rows else seen[:, self._told :].copy())
            self._likely[window].append(math.exp(step.text[row, 0] - step.text_sum[row, 0]))

    def watched(self, window: int, said: Hypothesis) -> EncodedWithAttention | None:
        """A window with all that; nothing where the answer has no words, or was cut off in one."""
        ask = self._asks[window]
        looked_at = np.concatenate(self._rows[window], axis=1)
        text = [at for at, token in enumerate(said.tokens) if token < ask.tokenizer.eot]
        if not text or self._answer + text[-1] + 1 >= looked_at.shape[1]:
            return None
        # What is known was not chosen here.
        likely = [*[1.0] * len(begun(ask)), *self._likely[window]]
        return EncodedWithAttention(
            ask.encoded.arrays,
            ask.encoded.shape,
            tuple(said.tokens[at] for at in text),
            tuple(likely[at] for at in text),
            tuple(self._answer + at for at in text),
            looked_at,
        )


class _Whisper(WhisperModel):  # type: ignore[misc] # the library has no types
    """faster-whisper's tokens, features and words around a model that is not CTranslate2's."""

    def __init__(self, path: Path) -> None:
        self.hf_tokenizer = TokenizerFile.from_file(str(path / "tokenizer.json"))
        self.feature_extractor = FeatureExtractor(**self._get_feature_kwargs(str(path)))
        self.model = _Aligned(path, _special(self.hf_tokenizer))
        self.max_length = self.model.sizes.positions
        self.frames_per_second, self.tokens_per_second = 100, 50
        self.time_precision = 0.02


class _Aligned(OnnxWhisper):
    """With what faster-whisper asks CTranslate2 for."""

    def align(
        self, encoded: EncodedWindows, start: Sequence[int], texts: Sequence[Sequence[int]], frames: int,
        median_filter_width: int,
    ) -> list[Alignment]:  # fmt: skip
        return [align(self, encoded, start, text, frames, median_filter_width) for text in texts]


def _special(tokenizer: TokenizerFile) -> SpecialTokens:
    def token(*names: str) -> int:
        for name in names:
            number = tokenizer.token_to_id(f"<|{name}|>")
            if number is not None:
                return int(number)
        raise ValueError(f"The model's tokenizer has no <|{names[0]}|>.")

    languages = {code: tokenizer.token_to_id(f"<|{code}|>") for code in LANGUAGES}
    return SpecialTokens(
        eot=token("endoftext"),
        sot=token("startoftranscript"),
        no_speech=token("nospeech", "nocaptions"),
        no_timestamps=token("notimestamps"),
        languages={code: number for code, number in languages.items() if number is not None},
    )


def _within(room: int, prompt: list[int], start: int) -> list[int]:
    """A prompt that is too long loses what was said longest ago, but not the token that stands before it.

    Its last `start` tokens tell the decoder what to do.
    """
    past, task = prompt[:-start], prompt[-start:]
    return prompt if len(prompt) <= room else [past[0], *past[len(prompt) - room + 1 :], *task]


def _decoding(ask: DecodeRequest, said: Hypothesis, no_speech_prob: float) -> DecodeResult:
    text = ask.tokenizer.decode([token for token in said.tokens if token < ask.tokenizer.eot])
    new = len(said.tokens) - len(begun(ask))
    logprob = float(said.logprob) / (new + 1)
    return DecodeResult(list(said.tokens), logprob, no_speech_prob, compression_ratio(text), ask.temperature)


def _shares(logits: Floats) -> Floats:
    shares: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
