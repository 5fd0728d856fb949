"""A Whisper model on ONNX Runtime: what the encoder heard, and steps of the decoder over several answers."""

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
    from onnxruntime import OrtValue

Tokens = npt.NDArray[np.int64]
MULTILINGUAL_VOCABULARY = 51865
FEW_HEADS = 32  # what more of them look at is not kept while an answer is given
STEP = ("text", "text_tokens", "text_sum", "end", "times")


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
    """What the encoder made of some windows of equal length: keys, values and their scales by name."""

    arrays: Mapping[str, Array]
    shape: tuple[int, ...]
    """(windows, positions, width), that of Whisper's own encoder."""

    @classmethod
    def concat(cls, encoded: Sequence["EncodedWindows"]) -> "EncodedWindows":
        """Windows side by side."""
        if len(encoded) == 1:
            return encoded[0]
        arrays = {name: np.concatenate([one.arrays[name] for one in encoded]) for name in encoded[0].arrays}
        return cls(arrays, (sum(one.shape[0] for one in encoded), *encoded[0].shape[1:]))

    def select(self, windows: Sequence[int]) -> "EncodedWindows":
        """Some of the windows."""
        chosen = list(windows)
        return EncodedWindows(
            {name: array[chosen] for name, array in self.arrays.items()}, (len(chosen), *self.shape[1:])
        )


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What the decoder said; a row for each position that was asked about. See `onnx_layers.decoder`.

    `looked_at` (windows, heads, beams * new, positions) is there where it was asked for.
    """

    text: Floats
    text_tokens: Tokens
    text_sum: Floats
    end: Floats
    times: Floats
    cross_attention: Floats | None = None


class OnnxWhisper:
    """A loaded model. Its methods may be called from several threads, each works on the caller's own."""

    def __init__(self, path: Path, special: SpecialTokens) -> None:
        """`path` is the folder of a CTranslate2 model.

        Raises `OSError`, and `ValueError` where its `model.bin` is not of a kind that is known here.
        """
        weights = Weights(path / "model.bin")
        self.sizes = ModelDims.of(weights)
        self.special = special
        self._embeddings = weights.raw("decoder/embeddings/weight")
        if self._embeddings.dtype not in (np.float16, np.float32):
            self._embeddings = weights.floats("decoder/embeddings/weight").astype(np.float16)
        # What is added to the logits where nothing is suppressed.
        self.nothing: Floats = np.zeros(self.sizes.vocabulary, np.float32)
        self._positions = weights.floats("decoder/position_encodings/encodings")
        heads = _alignment_heads(path, self.sizes)
        self.few_heads = len(heads) <= FEW_HEADS
        self._encoder = encoder(weights).session()
        self._decoder = decoder(weights, heads, special.eot, special.timestamp_begin).session()
        self._encoded_names = [output.name for output in self._encoder.get_outputs()]

    def encode(self, features: Floats) -> EncodedWindows:
        """Of a log-mel spectrogram (mels, frames), an even number of frames."""
        arrays = self._encoder.run(self._encoded_names, {"mel": features[np.newaxis]})
        shape = (1, features.shape[1] // 2, self.sizes.width)
        return EncodedWindows(dict(zip(self._encoded_names, arrays, strict=True)), shape)

    def start_decoder(
        self, encoded: EncodedWindows, beams: int, room: int, *, watched: bool = False
    ) -> "DecoderSession":
        """The beginning of `beams` answers for each window, of at most `room` tokens, prompt included.

        `watched`: each step tells what was looked at.
        """
        return DecoderSession(self, encoded, beams, min(room, self.sizes.positions), watched=watched)

    def embed(self, tokens: Tokens, position: int) -> Floats:
        """(rows, new) tokens as vectors, the first of them at this position."""
        vectors: Floats = self._embeddings[tokens].astype(np.float32)
        vectors += self._positions[position : position + tokens.shape[1]]
        return vectors

    @property
    def is_multilingual(self) -> bool:
        """Whether it knows more than English."""
        return self.sizes.vocabulary >= MULTILINGUAL_VOCABULARY

    @property
    def session(self) -> Any:
        """The decoder's."""
        return self._decoder


class DecoderSession:
    """Answers that are being given: for every window as many as there are beams, in rows."""

    def __init__(
        self, model: OnnxWhisper, encoded: EncodedWindows, beams: int, room: int, *, watched: bool
    ) -> None:
        self._model = model
        self._step = (*STEP, "attention") if watched else STEP
        self._beams = beams
        self._binding = model.session.io_binding()
        self.tokens = 0
        self._shared = 0
        sizes = model.sizes
        shape = (encoded.shape[0] * beams, sizes.decoder_heads, room, sizes.head_width)
        self._hear(encoded)
        names = [f"{kind}{layer}" for layer in range(sizes.decoder_layers) for kind in ("keys", "values")]
        self._remember({name: np.empty(shape, np.float32) for name in names})
        self.suppress(model.nothing)

    @property
    def windows(self) -> int:
        """How many there are."""
        return self._encoded.shape[0]

    def suppress(self, added: Floats) -> None:
        """What is added to the logits from now on; (vocabulary)."""
        self._bind("suppress", added)

    def step(self, tokens: Tokens, candidates: int = 1) -> StepOutput:
        """Goes on by tokens (rows, new)."""
        return StepOutput(*self._run(tokens, (-1,), candidates, self._step))

    def prefill(self, tokens: Tokens, at: int, candidates: int) -> tuple[StepOutput, Floats]:
        """The answer to prompts (rows, new), and the logits (rows, 2, vocabulary) at `at` and at the end."""
        logits, *arrays = self._run(tokens, (at, -1), candidates, ("logits", *self._step))
        asked, looked_at = arrays[: len(STEP)], arrays[len(STEP) :]
        return StepOutput(*(array[1::2] for array in asked), *looked_at), logits.reshape(len(tokens), 2, -1)

    def logits(self, tokens: Tokens) -> Floats:
        """The same, but answered by all logits, nothing suppressed: (rows, vocabulary)."""
        logits: Floats = self._run(tokens, (-1,), 1, ("logits",))[0]
        return logits

    def attention(self, tokens: Tokens, wanted: Sequence[int]) -> tuple[Floats, Floats]:
        """The logits at positions of each row, and what the alignment heads looked at.

        (rows * wanted, vocabulary) and (windows, heads, beams * new, positions).
        """
        logits, attention = self._run(tokens, wanted, 1, ("logits", "attention"))
        return logits, attention

    def reorder_cache(self, windows: Sequence[int], rows: Sequence[int]) -> None:
        """Only these windows go on, equally many rows each, and each row from what another one has said."""
        if len(windows) < self.windows:
            self._hear(self._encoded.select(windows))
        self._beams = len(rows) // len(windows)
        origins = np.array(rows)
        before = len(next(iter(self._memory.values())))
        if len(rows) == before:
            changed, said = np.flatnonzero(origins != np.arange(before)), slice(self._shared, self.tokens)
            for memory in self._memory.values() if len(changed) else ():
                memory[changed, :, said] = memory[origins[changed], :, said]
            return
        if len(rows) > before:
            self._shared = self.tokens  # from here on, the rows of a window differ
        said = slice(self.tokens)
        moved: dict[str, Floats] = {}
        for name, memory in self._memory.items():
            moved[name] = np.empty((len(rows), *memory.shape[1:]), np.float32)
            moved[name][:, :, said] = memory[origins, :, said]
        self._remember(moved)

    def _hear(self, encoded: EncodedWindows) -> None:
        self._encoded = encoded
        for name, array in encoded.arrays.items():
            self._bind(name, array)

    def _remember(self, memory: dict[str, Floats]) -> None:
        self._memory = memory
        self._memory_values = {name: self._bind("past_" + name, array) for name, array in memory.items()}

    def _bind(self, name: str, array: Array) -> "OrtValue":
        from onnxruntime import OrtValue

        value = OrtValue.ortvalue_from_numpy(array)
        self._binding.bind_ortvalue_input(name, value)
        return value

    def _run(self, tokens: Tokens, wanted: Sequence[int], candidates: int, names: Sequence[str]) -> list[Any]:
        rows, new = tokens.shape
        sizes = self._model.sizes
        vectors = self._model.embed(tokens, self.tokens)
        self.tokens += new
        by_window = [self.windows, self._beams * new, sizes.decoder_heads, sizes.head_width]
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
        for name, value in self._memory_values.items():
            self._binding.bind_ortvalue_output("new_" + name, value)
        for name in names:
            self._binding.bind_output(name, "cpu")
        self._model.session.run_with_iobinding(self._binding)
        return [value.numpy() for value in self._binding.get_outputs()[len(self._memory_values) :]]


def _alignment_heads(path: Path, sizes: ModelDims) -> list[tuple[int, int]]:
    """(layer, head) of those that follow the words; without a list, all of the second half's layers."""
    layers, heads = range(sizes.decoder_layers), range(sizes.decoder_heads)
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    listed = config.get("alignment_heads") or ()
    # A model made from another one may have kept the list of that one.
    there = [(int(layer), int(head)) for layer, head in listed if layer in layers and head in heads]
    return there or [(layer, head) for layer in layers[len(layers) // 2 :] for head in heads]
