"""Whisper on ONNX Runtime: the encoder, and decoder sessions with a key-value cache."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from whisper_appliance.engines.onnx.ct2_weights import Array, Floats, Weights
from whisper_appliance.engines.onnx.layers import ModelDims, decoder, encoder

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, OrtValue

Tokens = npt.NDArray[np.int64]
MULTILINGUAL_VOCABULARY = 51865
FEW_HEADS = 32  # the attention of more heads is not recorded during decoding
POSITIONS_STEP = 64
"""Windows are padded to a multiple of so many positions, because sums of other lengths round differently."""
PADDING_SCORE = -1e9
STEP_OUTPUTS = ("text", "text_tokens", "text_sum", "end", "times")


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """The tokens that are not text."""

    eot: int
    sot: int
    no_speech: int
    no_timestamps: int
    languages: Mapping[str, int]

    @property
    def timestamp_begin(self) -> int:
        """The first timestamp, 0.00 s."""
        return self.no_timestamps + 1


@dataclass(frozen=True)
class EncodedWindows:
    """The encoder's output: cross-attention keys, values and scales by name, and the mask of padding.

    A window's result does not depend on the length that the others of its batch have.
    """

    arrays: Mapping[str, Array]
    shape: tuple[int, ...]
    """(windows, width)."""

    @classmethod
    def concat(cls, encoded: Sequence["EncodedWindows"]) -> "EncodedWindows":
        """A batch of windows, padded to the longest."""
        if len(encoded) == 1:
            return encoded[0]
        positions = max(one.arrays["mask"].shape[-1] for one in encoded)
        arrays = {
            name: np.concatenate([_padded(name, one.arrays[name], positions) for one in encoded])
            for name in encoded[0].arrays
        }
        return cls(arrays, (sum(one.shape[0] for one in encoded), *encoded[0].shape[1:]))

    def with_parts(self, parts: Sequence[slice]) -> "EncodedWindows":
        """The only window for several rows: the first attends to all of it, each other to a part."""
        whole = self.arrays["mask"]
        masks = np.full_like(whole, PADDING_SCORE, shape=(1, 1, 1 + len(parts), whole.shape[-1]))
        masks[:, :, 0] = whole[:, :, 0]
        for row, part in enumerate(parts, 1):
            masks[:, :, row, part] = whole[:, :, 0, part]
        return EncodedWindows({**self.arrays, "mask": masks}, self.shape)

    def select(self, windows: Sequence[int]) -> "EncodedWindows":
        """Some of the windows."""
        chosen = list(windows)
        return EncodedWindows(
            {name: array[chosen] for name, array in self.arrays.items()}, (len(chosen), *self.shape[1:])
        )


@dataclass(frozen=True, slots=True)
class StepOutput:
    """One decoder step; a row for each requested position. For the fields see `layers.decoder`.

    `cross_attention` (windows, heads, beams * new, positions) is None unless the session keeps it.
    """

    text: Floats
    text_tokens: Tokens
    text_sum: Floats
    end: Floats
    times: Floats
    cross_attention: Floats | None = None


class OnnxWhisper:
    """A loaded model. Several threads may call it; a `DecoderSession` belongs to one of them."""

    def __init__(self, path: Path, special: SpecialTokens) -> None:
        """`path` is the folder of a CTranslate2 model.

        Raises `OSError`, and `ValueError` if the kind of its `model.bin` is not supported.
        """
        weights = Weights(path / "model.bin")
        self.dims = ModelDims.of(weights)
        self.special = special
        self._embeddings = weights.raw("decoder/embeddings/weight")
        if self._embeddings.dtype not in (np.float16, np.float32):
            self._embeddings = weights.floats("decoder/embeddings/weight").astype(np.float16)
        self.no_suppression: Floats = np.zeros(self.dims.vocabulary, np.float32)
        self._positions = weights.floats("decoder/position_encodings/encodings")
        heads = _alignment_heads(path, self.dims)
        self.few_heads = len(heads) <= FEW_HEADS
        self._encoder = encoder(weights).session()
        self._decoder = decoder(weights, heads, special.eot, special.timestamp_begin).session()
        self._encoded_names = [output.name for output in self._encoder.get_outputs()]

    def encode(self, features: Floats) -> EncodedWindows:
        """Encodes a log-mel spectrogram (mels, frames) with an even number of frames."""
        arrays = self._encoder.run(self._encoded_names, {"mel": features[np.newaxis]})
        mask = np.zeros((1, 1, 1, features.shape[1] // 2), np.float32)
        named = {"mask": mask, **dict(zip(self._encoded_names, arrays, strict=True))}
        positions = -(-mask.shape[-1] // POSITIONS_STEP) * POSITIONS_STEP
        padded = {name: _padded(name, array, positions) for name, array in named.items()}
        return EncodedWindows(padded, (1, self.dims.width))

    def start_decoder(
        self, encoded: EncodedWindows, beams: int, max_tokens: int, *, keep_attention: bool = False
    ) -> "DecoderSession":
        """A session of `beams` rows for each window, of at most `max_tokens` tokens, prompt included.

        `keep_attention`: every step returns the cross-attention of the alignment heads.
        """
        max_tokens = min(max_tokens, self.dims.positions)
        return DecoderSession(self, encoded, beams, max_tokens, keep_attention=keep_attention)

    def embed(self, tokens: Tokens, position: int) -> Floats:
        """The vectors of tokens (rows, new), the first of them at this position."""
        vectors: Floats = self._embeddings[tokens].astype(np.float32)
        vectors += self._positions[position : position + tokens.shape[1]]
        return vectors

    @property
    def is_multilingual(self) -> bool:
        """False for English-only models."""
        return self.dims.vocabulary >= MULTILINGUAL_VOCABULARY

    @property
    def decoder_session(self) -> "InferenceSession":
        """The decoder's graph."""
        return self._decoder


class DecoderSession:
    """Texts being decoded, `beams` rows for each window, with their self-attention key-value cache."""

    def __init__(
        self,
        model: OnnxWhisper,
        encoded: EncodedWindows,
        beams: int,
        max_tokens: int,
        *,
        keep_attention: bool,
    ) -> None:
        self._model = model
        self._step_outputs = (*STEP_OUTPUTS, "attention") if keep_attention else STEP_OUTPUTS
        self._beams = beams
        self._binding = model.decoder_session.io_binding()
        self.tokens = 0
        self._shared = 0
        dims = model.dims
        shape = (encoded.shape[0] * beams, dims.decoder_heads, max_tokens, dims.head_width)
        self._bind_encoded(encoded)
        names = [f"{kind}{layer}" for layer in range(dims.decoder_layers) for kind in ("keys", "values")]
        self._bind_cache({name: np.empty(shape, np.float32) for name in names})
        self.suppress(model.no_suppression)

    @property
    def windows(self) -> int:
        """How many windows are still decoded."""
        return self._encoded.shape[0]

    def suppress(self, added: Floats) -> None:
        """Sets what is added to the logits from now on (vocabulary); minus infinity suppresses a token."""
        self._bind("suppress", added)

    def step(self, tokens: Tokens, candidates: int = 1) -> StepOutput:
        """Appends tokens (rows, new) and returns the output at the last one."""
        return StepOutput(*self._run(tokens, (-1,), candidates, self._step_outputs))

    def prefill(self, tokens: Tokens, at: int, candidates: int) -> tuple[StepOutput, Floats]:
        """Appends prompts (rows, new); also returns logits (rows, 2, vocabulary) at `at` and at the end."""
        logits, *arrays = self._run(tokens, (at, -1), candidates, ("logits", *self._step_outputs))
        outputs, attention = arrays[: len(STEP_OUTPUTS)], arrays[len(STEP_OUTPUTS) :]
        return StepOutput(*(array[1::2] for array in outputs), *attention), logits.reshape(len(tokens), 2, -1)

    def logits(self, tokens: Tokens) -> Floats:
        """Appends tokens and returns all logits (rows, vocabulary) at the last one, nothing suppressed."""
        logits: Floats = self._run(tokens, (-1,), 1, ("logits",))[0]
        return logits

    def attention(self, tokens: Tokens, wanted: Sequence[int]) -> tuple[Floats, Floats]:
        """Appends tokens; returns logits at the `wanted` positions of each row, and the cross-attention.

        (rows * wanted, vocabulary) and (windows, alignment heads, beams * new, positions).
        """
        logits, attention = self._run(tokens, wanted, 1, ("logits", "attention"))
        return logits, attention

    def reorder_cache(self, windows: Sequence[int], rows: Sequence[int]) -> None:
        """Keeps only these windows, with equally many rows each; each row continues one of the old rows."""
        if len(windows) < self.windows:
            self._bind_encoded(self._encoded.select(windows))
        self._beams = len(rows) // len(windows)
        origins = np.array(rows)
        before = len(next(iter(self._cache.values())))
        if len(rows) == before:
            changed, decoded = np.flatnonzero(origins != np.arange(before)), slice(self._shared, self.tokens)
            for cache in self._cache.values() if len(changed) else ():
                cache[changed, :, decoded] = cache[origins[changed], :, decoded]
            return
        if len(rows) > before:
            self._shared = self.tokens  # from here on, the rows of a window differ
        decoded = slice(self.tokens)
        moved: dict[str, Floats] = {}
        for name, cache in self._cache.items():
            moved[name] = np.empty((len(rows), *cache.shape[1:]), np.float32)
            moved[name][:, :, decoded] = cache[origins, :, decoded]
        self._bind_cache(moved)

    def _bind_encoded(self, encoded: EncodedWindows) -> None:
        self._encoded = encoded
        for name, array in encoded.arrays.items():
            self._bind(name, array)

    def _bind_cache(self, cache: dict[str, Floats]) -> None:
        self._cache = cache
        self._cache_values = {name: self._bind("past_" + name, array) for name, array in cache.items()}

    def _bind(self, name: str, array: Array) -> "OrtValue":
        from onnxruntime import OrtValue

        value = OrtValue.ortvalue_from_numpy(array)
        self._binding.bind_ortvalue_input(name, value)
        return value

    def _run(self, tokens: Tokens, wanted: Sequence[int], candidates: int, names: Sequence[str]) -> list[Any]:
        rows, new = tokens.shape
        dims = self._model.dims
        vectors = self._model.embed(tokens, self.tokens)
        self.tokens += new
        by_window = [self.windows, self._beams * new, dims.decoder_heads, dims.head_width]
        at = [row * new + position % new for row in range(rows) for position in wanted]
        for name, value in (
            ("x", vectors),
            ("last", np.full(rows, self.tokens - 1, np.int32)),
            ("total", np.array([self.tokens], np.int32)),
            ("by_window", np.array(by_window)),
            ("wanted", np.array(at)),
            ("candidates", np.array([candidates])),
        ):
            self._binding.bind_cpu_input(name, value)
        self._binding.clear_binding_outputs()
        for name, value in self._cache_values.items():
            self._binding.bind_ortvalue_output("new_" + name, value)
        for name in names:
            self._binding.bind_output(name, "cpu")
        self._model.decoder_session.run_with_iobinding(self._binding)
        return [value.numpy() for value in self._binding.get_outputs()[len(self._cache_values) :]]


def _padded(name: str, array: Array, positions: int) -> Array:
    """An output of the encoder with so many positions."""
    axis = 3 if name == "mask" or name.startswith("keys_scale") else 2
    if name.startswith("values_scale") or array.shape[axis] == positions:
        return array
    shape = list(array.shape)
    shape[axis] = positions - shape[axis]
    filler = np.full(shape, PADDING_SCORE if name == "mask" else 0, array.dtype)
    return np.concatenate([array, filler], axis=axis)


def _alignment_heads(path: Path, dims: ModelDims) -> list[tuple[int, int]]:
    """(layer, head) of the heads that follow the words; without a list, all of the second half's layers."""
    layers, heads = range(dims.decoder_layers), range(dims.decoder_heads)
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    listed = config.get("alignment_heads") or ()
    # A fine-tuned or distilled model may have kept the list of a larger one.
    valid = [(int(layer), int(head)) for layer, head in listed if layer in layers and head in heads]
    return valid or [(layer, head) for layer in layers[len(layers) // 2 :] for head in heads]
