"""A Whisper model on CTranslate2: encode, detect the language, decode, align."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.whisper.decoder_api import (
    DecodeRequest,
    DecodeResult,
    Part,
    TokenizerFileBackend,
    best_sample,
    positions_of,
)
from whisper_appliance.engines.whisper.repetition import compression_ratio
from whisper_appliance.engines.whisper.word_timestamps import Alignment

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel

FIRST_TIMESTAMP_MAX = 50  # one second
MEDIAN_FILTER_WIDTH = 7


class CT2Model(TokenizerFileBackend):
    """A loaded model; calls from several threads run in parallel, one core each on the CPU."""

    def __init__(self, model: "WhisperModel") -> None:
        """Takes CTranslate2's model and the tokenizer that faster-whisper has loaded."""
        whisper = model.model
        super().__init__(
            model.hf_tokenizer,
            mels=whisper.n_mels,
            max_tokens=model.max_length,
            multilingual=whisper.is_multilingual,
        )
        self._model = whisper

    def encode(self, samples: Samples, seconds: float) -> "StorageView":
        """The encoder's output, in the machine's memory because batches are put together there."""
        from ctranslate2 import StorageView

        features = np.ascontiguousarray(self.log_mel(samples, seconds)[np.newaxis])
        return self._model.encode(StorageView.from_array(features), to_cpu=True)

    def language_probabilities(
        self, encoded: "StorageView", parts: Sequence[Part] = ()
    ) -> list[dict[str, float]]:
        """See `WhisperBackend`."""
        found = self._model.detect_language(encoded)
        if parts:
            found += self._model.detect_language(_cut(encoded, [positions_of(part) for part in parts]))
        return [{token[2:-2]: probability for token, probability in each} for each in found]

    def decode(self, requests: Sequence[DecodeRequest]) -> list[DecodeResult]:
        """Decodes one batch.

        CTranslate2's workers take their seed once, so its samples are not the same every time.
        """
        if not requests[0].temperatures:
            return self._decode(requests, 0.0, {"beam_size": requests[0].beam_size})
        (request,) = requests
        samples: list[DecodeResult] = []
        for temperature in sorted(request.temperatures):
            samples += self._decode(
                requests, temperature, {"sampling_topk": 0, "sampling_temperature": temperature}
            )
            if not samples[-1].needs_fallback and temperature < max(request.temperatures):
                break
        return [best_sample(samples)]

    def _decode(
        self, requests: Sequence[DecodeRequest], temperature: float, sampling: dict[str, Any]
    ) -> list[DecodeResult]:
        first = requests[0]
        new_tokens = max(request.new_tokens for request in requests)
        results = self._model.generate(
            _batch([request.encoded for request in requests]),
            [[*request.prompt, *request.forced_prefix] for request in requests],
            # CTranslate2 generates at most min(max_length / 2, max_length - prompt) tokens.
            # Those of the prefix count as generated.
            max_length=min(self._max_tokens, max(2 * new_tokens, new_tokens + len(first.prompt))),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=first.tokenizer.suppressed_tokens,
            max_initial_timestamp_index=FIRST_TIMESTAMP_MAX,
            **sampling,
        )
        return [_result(*pair, temperature) for pair in zip(requests, results, strict=True)]

    def align(
        self, encoded: "StorageView", start: Sequence[int], text: Sequence[int], frames: int
    ) -> Alignment:
        """See `TokenizerFileBackend`."""
        (found,) = self._model.align(
            encoded, list(start), [list(text)], frames, median_filter_width=MEDIAN_FILTER_WIDTH
        )
        return Alignment(found.alignments, found.text_token_probs)


def _batch(encoded: "list[StorageView]") -> "StorageView":
    from ctranslate2 import StorageView

    if len(encoded) == 1:
        return encoded[0]
    return StorageView.from_array(np.concatenate([np.asarray(one) for one in encoded]))


def _cut(encoded: "StorageView", parts: Sequence[slice]) -> "StorageView":
    """Parts of a window, cut to the length of the shortest, as a batch."""
    from ctranslate2 import StorageView

    size = min(part.stop - part.start for part in parts)
    whole = np.asarray(encoded)
    cut = [whole[:, part.start : part.start + size] for part in parts]
    return StorageView.from_array(np.concatenate(cut))


def _result(request: DecodeRequest, result: Any, temperature: float) -> DecodeResult:
    tokens = result.sequences_ids[0]
    new = max(0, len(tokens) - len(request.forced_prefix))
    text = request.tokenizer.decode([token for token in tokens if token < request.tokenizer.eot])
    logprob = result.scores[0] * len(tokens) / (new + 1)
    return DecodeResult(tokens, logprob, result.no_speech_prob, compression_ratio(text), temperature)
