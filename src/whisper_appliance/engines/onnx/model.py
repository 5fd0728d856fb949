"""The `WhisperBackend` on ONNX Runtime: encode, detect the language, decode, align."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer as TokenizerFile

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.onnx.alignment import EncodedWithAttention, align
from whisper_appliance.engines.onnx.ct2_weights import Floats
from whisper_appliance.engines.onnx.token_search import NEVER, Hypothesis, TokenSearch
from whisper_appliance.engines.onnx.whisper import EncodedWindows, OnnxWhisper, SpecialTokens, StepOutput
from whisper_appliance.engines.whisper.decoder_api import (
    DecodeRequest,
    DecodeResult,
    Part,
    TokenizerFileBackend,
    best_sample,
    positions_of,
)
from whisper_appliance.engines.whisper.repetition import compression_ratio
from whisper_appliance.engines.whisper.tokenizer import WhisperTokenizer
from whisper_appliance.engines.whisper.word_timestamps import Alignment
from whisper_appliance.transcript.languages import LANGUAGES


class OnnxModel(TokenizerFileBackend):
    """A loaded model; calls from several threads run in parallel, one core each."""

    batches_any_length = True

    def __init__(self, path: Path) -> None:
        """`path` is the folder of a CTranslate2 model.

        Raises `OSError`, and `ValueError` if this kind of model is not supported.
        """
        file = TokenizerFile.from_file(str(path / "tokenizer.json"))
        self._whisper = OnnxWhisper(path, _special_tokens(file))
        dims = self._whisper.dims
        super().__init__(
            file,
            mels=dims.mels,
            max_tokens=dims.positions,
            multilingual=self._whisper.is_multilingual,
        )
        self._suppressed: Floats | None = None

    def encode(self, samples: Samples, seconds: float) -> EncodedWindows:
        """The encoder's output for the samples, padded with zeros to `seconds`."""
        return self._whisper.encode(self.log_mel(samples, seconds))

    def language_probabilities(
        self, encoded: EncodedWindows, parts: Sequence[Part] = ()
    ) -> list[dict[str, float]]:
        """See `WhisperBackend`. All of them are rows of one decoder step."""
        special, rows = self._whisper.special, 1 + len(parts)
        if parts:
            encoded = encoded.with_parts([positions_of(part) for part in parts])
        logits = self._whisper.start_decoder(encoded, rows, 1).logits(np.full((rows, 1), special.sot))
        probabilities = _softmax(logits[:, list(special.languages.values())])
        return [dict(zip(special.languages, row, strict=True)) for row in probabilities.tolist()]

    def decode(self, requests: Sequence[DecodeRequest]) -> list[DecodeResult]:
        """Decodes one batch; where it must be even, the last window is decoded twice."""
        count, first, special = len(requests), requests[0], self._whisper.special
        requests = _evened(requests)
        max_new = max(request.new_tokens for request in requests) + 1
        start, forced = len(first.tokenizer.sot_sequence), len(first.forced_prefix)
        prompt = self._prompt_rows(requests, self._whisper.dims.positions - max_new)
        recorder = self._recorder(requests, prompt.shape[1] - forced)
        encoded = EncodedWindows.concat([request.encoded for request in requests])
        session = self._whisper.start_decoder(
            encoded, 1, prompt.shape[1] + max_new, keep_attention=recorder is not None
        )
        suppress = self._suppress(first.tokenizer)
        session.suppress(suppress)
        # The no-speech probability is read at `<|startoftranscript|>`, before any prefix.
        at_start = prompt.shape[1] - forced - start
        candidates = 1 if first.temperatures else first.beam_size + 1
        step, logits = session.prefill(prompt, at_start, candidates)
        prefixes = [Hypothesis(tuple(r.forced_prefix), limit=r.new_tokens + 1) for r in requests]
        search = TokenSearch(session, special, prefixes, max_new, even=first.batch == "even")
        no_speech = _softmax(logits[:, 0])[:, special.no_speech]
        if first.temperatures:
            random = np.random.default_rng(first.seed)
            found = search.sample(logits[:, 1], suppress, first.temperatures, random)
            return [_best_result(first, found, float(no_speech[0]))]
        if first.beam_size > 1:
            found = search.beam_search(step, first.beam_size)
        else:
            found = search.greedy(step, recorder.record if recorder else None)
        return [
            _result(
                requests[at],
                found[at],
                float(no_speech[at]),
                recorder.encoded(at, found[at]) if recorder else None,
            )
            for at in range(count)
        ]

    def _recorder(self, requests: Sequence[DecodeRequest], first_position: int) -> "AttentionRecorder | None":
        """Records the cross-attention where it is wanted and the search is greedy; else None."""
        first = requests[0]
        greedy = first.beam_size == 1 and not first.temperatures
        if not (first.keep_attention and greedy and self._whisper.few_heads):
            return None
        return AttentionRecorder(requests, first_position, len(first.tokenizer.sot_sequence))

    def align(
        self, encoded: EncodedWindows, start: Sequence[int], text: Sequence[int], frames: int
    ) -> Alignment:
        """See `TokenizerFileBackend`."""
        return align(self._whisper, encoded, start, text, frames)

    def _prompt_rows(self, requests: Sequence[DecodeRequest], max_tokens: int) -> np.ndarray:
        start = len(requests[0].tokenizer.sot_sequence)
        return np.array([[*_shorten(r.prompt, start, max_tokens), *r.forced_prefix] for r in requests])

    def _suppress(self, tokenizer: WhisperTokenizer) -> Floats:
        """What is added to the logits so that only text, its end and timestamps are decoded."""
        if self._suppressed is None:
            suppressed = np.zeros(self._whisper.dims.vocabulary, np.float32)
            suppressed[list(tokenizer.suppressed_tokens)] = NEVER
            suppressed[tokenizer.eot + 1 : tokenizer.timestamp_begin] = NEVER  # languages, tasks and the like
            self._suppressed = suppressed
        return self._suppressed


class AttentionRecorder:
    """Records cross-attention and token probabilities during greedy decoding, for word timestamps."""

    def __init__(self, requests: Sequence[DecodeRequest], prompt: int, start: int) -> None:
        """`prompt` is the length of the prompt without a prefix; its last `start` tokens are the task's."""
        self._before_start = prompt - start
        self._row_before_text = start - 1
        self._requests = requests
        self._rows: list[list[Floats]] = [[] for _ in requests]
        self._probabilities: list[list[float]] = [[] for _ in requests]

    def record(self, step: StepOutput, windows: Sequence[int]) -> None:
        """Adds one step of these windows."""
        assert step.cross_attention is not None  # noqa: S101 - the session was started with keep_attention
        for row, window in enumerate(windows):
            rows, attention = self._rows[window], step.cross_attention[row]
            rows.append(attention if rows else attention[:, self._before_start :].copy())
            self._probabilities[window].append(math.exp(step.text[row, 0] - step.text_sum[row, 0]))

    def encoded(self, window: int, found: Hypothesis) -> EncodedWithAttention | None:
        """The encoded window with all of that; None if the text is empty or was cut off in a word."""
        request = self._requests[window]
        attention = np.concatenate(self._rows[window], axis=1)
        text = [at for at, token in enumerate(found.tokens) if token < request.tokenizer.eot]
        if not text or self._row_before_text + text[-1] + 1 >= attention.shape[1]:
            return None
        # The tokens of the prefix were not chosen here.
        probabilities = [*[1.0] * len(request.forced_prefix), *self._probabilities[window]]
        return EncodedWithAttention(
            request.encoded.arrays,
            request.encoded.shape,
            tuple(found.tokens[at] for at in text),
            tuple(probabilities[at] for at in text),
            tuple(self._row_before_text + at for at in text),
            attention,
        )


def _special_tokens(tokenizer: TokenizerFile) -> SpecialTokens:
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


def _shorten(prompt: list[int], start: int, max_tokens: int) -> list[int]:
    """A prompt that is too long loses its oldest text, but not the token before that text.

    Its last `start` tokens are language and task.
    """
    past, task = prompt[:-start], prompt[-start:]
    if len(prompt) <= max_tokens:
        return prompt
    return [past[0], *past[len(prompt) - max_tokens + 1 :], *task]


def _result(
    request: DecodeRequest,
    found: Hypothesis,
    no_speech_prob: float,
    encoded: EncodedWithAttention | None,
    temperature: float = 0.0,
) -> DecodeResult:
    text = request.tokenizer.decode([token for token in found.tokens if token < request.tokenizer.eot])
    new = len(found.tokens) - len(request.forced_prefix)
    logprob = float(found.logprob) / (new + 1)
    return DecodeResult(
        list(found.tokens),
        logprob,
        no_speech_prob,
        compression_ratio(text),
        temperature,
        encoded,
    )


def _softmax(logits: Floats) -> Floats:
    probabilities: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


def _evened(requests: Sequence[DecodeRequest]) -> Sequence[DecodeRequest]:
    """The batch, with its last request twice if it must be even and is not."""
    first, is_odd = requests[0], len(requests) % 2 == 1
    must_be_even = first.batch == "even" and not first.temperatures and first.beam_size == 1
    return [*requests, requests[-1]] if must_be_even and is_odd else requests


def _best_result(request: DecodeRequest, found: Sequence[Hypothesis], no_speech: float) -> DecodeResult:
    """The best of the samples, one for each temperature."""
    pairs = zip(found, request.temperatures, strict=True)
    return best_sample([_result(request, one, no_speech, None, temperature) for one, temperature in pairs])
