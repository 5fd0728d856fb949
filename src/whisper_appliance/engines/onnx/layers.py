"""Whisper's encoder and decoder (Radford et al., 2022) as ONNX graphs, from a CTranslate2 model's weights.

The encoder's graph computes the keys and values of the cross-attention once a window. They are 8-bit
integers, because every decoder step reads all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whisper_appliance.engines.onnx.ct2_weights import Floats, Weights
from whisper_appliance.engines.onnx.graph import (
    CONTRIBUTED,
    INT8_MAX,
    TINY,
    UINT8_MAX,
    Graph,
    max_quantized_weight,
)

ALL = "all positions"
GELU = 3  # CTranslate2's number for this activation


@dataclass(frozen=True, slots=True)
class ModelDims:
    """The dimensions of a model; `width` is the length of its vectors (d_model)."""

    mels: int
    width: int
    vocabulary: int
    heads: int
    decoder_heads: int
    encoder_layers: int
    decoder_layers: int
    positions: int

    @classmethod
    def of(cls, weights: Weights) -> "ModelDims":
        """Reads them from the weights. Raises `ValueError` if the architecture is not Whisper's own."""
        width, mels, _ = weights.raw("encoder/conv1/weight").shape
        supported = {"activation": GELU, "pre_norm": True, "alibi": False}
        expected = {
            f"{part}/{kind}": supported[kind] for part in ("encoder", "decoder") for kind in supported
        }
        if any(name in weights and weights.number(name) != value for name, value in expected.items()):
            raise ValueError("This model has an unsupported activation or order of layers.")
        projection = "decoder/projection/weight"
        if projection in weights and weights.raw(projection) is not weights.raw("decoder/embeddings/weight"):
            raise ValueError("This model's output projection differs from its embeddings: unsupported.")
        return cls(
            mels=mels,
            width=width,
            vocabulary=weights.raw("decoder/embeddings/weight").shape[0],
            heads=weights.number("encoder/num_heads"),
            decoder_heads=weights.number("decoder/num_heads"),
            encoder_layers=weights.layers("encoder"),
            decoder_layers=weights.layers("decoder"),
            positions=weights.raw("decoder/position_encodings/encodings").shape[0],
        )

    @property
    def head_width(self) -> int:
        """The length of the decoder's vectors within a head."""
        return self.width // self.decoder_heads


class _Layers:
    """The layers that encoder and decoder share; x and all results are matrices (positions, width)."""

    def __init__(self, graph: Graph, weights: Weights, dims: ModelDims) -> None:
        self.graph = graph
        self.weights = weights
        self.dims = dims

    def norm(self, x: str, name: str) -> str:
        """Layer norm."""
        return self.graph.layer_norm(
            x, name, self.weights.floats(name + "/gamma"), self.weights.floats(name + "/beta")
        )

    def linear(self, x: str, name: str, rows: slice = slice(None), part: str = "", of: str = ALL) -> str:
        """A matrix product with some rows of a weight; for `of` see `rows` of `Graph.quantize`."""
        bias = self.weights.floats(name + "/bias", rows) if name + "/bias" in self.weights else None
        outputs, inputs = self.weights.raw(name + "/weight").shape
        start, stop, _ = rows.indices(outputs)

        def weights(chunk: slice) -> Floats:
            return self.weights.floats(name + "/weight", slice(start + chunk.start, start + chunk.stop))

        y = self.graph.linear(x, name + part, (stop - start, inputs), weights, bias, of)
        self.weights.drop_cached_pages()
        return y

    def feed_forward(self, x: str, layer: str) -> str:
        """The feed-forward block of a layer, with its residual."""
        graph = self.graph
        y = graph.add("Gelu", self.linear(self.norm(x, layer + "/ffn/layer_norm"), layer + "/ffn/linear_0"))
        return graph.add("Add", x, self.linear(y, layer + "/ffn/linear_1"))


def encoder(weights: Weights) -> Graph:
    """The encoder's graph, with the cross-attention's key and value projections.

    Input: `mel` (1, mels, frames); two frames make one position. Outputs, for every decoder layer i:
    `keys<i>` (uint8 around a zero point) and `values<i>` (int8), (1, heads, positions, head width), with
    `keys_scale<i>` (1, heads, 1, positions) and `values_scale<i>` (1, heads, 1, head width). The scale of the
    keys contains that of the attention scores, 1 / sqrt(head width).
    """
    graph, dims = Graph(), ModelDims.of(weights)
    layers = _Layers(graph, weights, dims)
    x = graph.input("mel", np.float32, 1, dims.mels, "frames")
    for number, stride in ((1, 1), (2, 2)):
        name = f"encoder/conv{number}"
        weight, bias = (
            graph.constant(f"{name}/{part}", weights.floats(f"{name}/{part}")) for part in ("weight", "bias")
        )
        x = graph.add("Gelu", graph.add("Conv", x, weight, bias, pads=[1, 1], strides=[stride]))
    x = graph.add("Transpose", graph.add("Squeeze", x, graph.constant("first", [0])), perm=[1, 0])
    encodings = graph.constant("positions", weights.floats("encoder/position_encodings/encodings"))
    length = graph.add("Shape", x, start=0, end=1)
    x = graph.add("Add", x, graph.add("Slice", encodings, graph.constant("first", [0]), length))
    for number in range(dims.encoder_layers):
        x = _encoder_layer(layers, x, f"encoder/layer_{number}")
    encoded = layers.norm(x, "encoder/layer_norm")
    for number in range(dims.decoder_layers):
        _keys_and_values(layers, encoded, number)
    return graph


def _encoder_layer(layers: _Layers, x: str, layer: str) -> str:
    graph, width = layers.graph, layers.dims.width
    y = layers.norm(x, layer + "/self_attention/layer_norm")
    batch = graph.constant("first", [0])
    parts: list[str] = []
    for part in ("queries", "keys", "values"):
        rows = slice(len(parts) * width, (len(parts) + 1) * width)
        projected = layers.linear(y, layer + "/self_attention/linear_0", rows, part)
        parts.append(graph.add("Unsqueeze", projected, batch))
    attended = graph.add("MultiHeadAttention", *parts, domain=CONTRIBUTED, num_heads=layers.dims.heads)
    y = graph.add("Squeeze", attended, batch)
    x = graph.add("Add", x, layers.linear(y, layer + "/self_attention/linear_1"))
    return layers.feed_forward(x, layer)


def _keys_and_values(layers: _Layers, encoded: str, number: int) -> None:
    """Cross-attention keys and values in int8, with scales per position for K and per channel for V.

    So each dot product has a single scale.
    """
    graph, dims = layers.graph, layers.dims
    keys, values = (_by_head(layers, encoded, number, part) for part in range(2))
    matrix = graph.add("Reshape", keys, graph.constant("vectors", [-1, dims.head_width]))
    keys, scale = graph.quantize(matrix, np.uint8, max_quantized_weight())
    by_head = graph.constant("by head", [1, dims.decoder_heads, -1, dims.head_width])
    graph.output(f"keys{number}", graph.add("Reshape", keys, by_head), np.uint8)
    scale = graph.add("Mul", scale, graph.constant("attention scale", np.float32(dims.head_width**-0.5)))
    scale = graph.add("Reshape", scale, graph.constant("scales", [1, dims.decoder_heads, 1, -1]))
    graph.output(f"keys_scale{number}", scale)

    along = graph.constant("along positions", [2])
    largest = graph.add("ReduceMax", graph.add("Abs", values), along, keepdims=1)
    largest = graph.add("Max", largest, graph.constant("tiny", np.float32(TINY)))
    scale = graph.add("Div", largest, graph.constant("weight max", np.float32(max_quantized_weight())))
    rounded = graph.add("Round", graph.add("Div", values, scale))
    graph.output(f"values{number}", graph.cast(rounded, np.int8), np.int8)
    graph.output(f"values_scale{number}", scale)


def _by_head(layers: _Layers, encoded: str, number: int, part: int) -> str:
    """The keys (part 0) or values (part 1) of a decoder layer: (1, heads, positions, head width)."""
    graph, dims = layers.graph, layers.dims
    rows = slice(part * dims.width, (part + 1) * dims.width)
    y = layers.linear(encoded, f"decoder/layer_{number}/attention/linear_1", rows, ("keys", "values")[part])
    shape = graph.constant("in heads", [1, -1, dims.decoder_heads, dims.head_width])
    return graph.add("Transpose", graph.add("Reshape", y, shape), perm=[0, 2, 1, 3])


def decoder(weights: Weights, alignment_heads: Sequence[tuple[int, int]], eot: int, timestamps: int) -> Graph:
    """The decoder's graph: one step of `rows` hypotheses (`beams` a window), each with `new` tokens.

    Inputs: `x` (rows, new, width), the embedded tokens; `past_keys<i>` and `past_values<i>` (rows, heads,
    room, head width), the key-value cache, written in place; `total` (1), the number of tokens in it after
    the step, and `last` (rows), one less; the encoder's outputs; `mask`, added to the attention scores, very
    low where a window was padded, the same for all rows of a window or one for each; `by_window`, the shape
    [windows, beams * new, heads, head width]; `wanted`, indices into (rows * new) whose logits are computed;
    `suppress` (vocabulary), added to the logits; `candidates` (1).

    Outputs: `attention` (windows, alignment heads, beams * new, positions), the cross-attention. For each
    wanted position: `logits` (vocabulary) without `suppress`; with it, `text` and `text_tokens`
    (candidates), the largest logits below the first timestamp and their tokens, `text_sum` (1), the
    log-sum-exp of all of these, `end` (1), the logit of the end of text, `times`, those of the timestamps.
    """
    graph, dims = Graph(few_rows=True), ModelDims.of(weights)
    layers = _Layers(graph, weights, dims)
    vectors = graph.input("x", np.float32, "rows", "new", dims.width)
    graph.input("last", np.int32, "rows")
    graph.input("total", np.int32, 1)
    graph.input("by_window", np.int64, 4)
    graph.input("mask", np.float32, "windows", 1, "masks", "positions")
    x = graph.add("Reshape", vectors, graph.constant("matrix", [-1, dims.width]))
    attention: list[str] = []
    for number in range(dims.decoder_layers):
        x = _self_attention(layers, x, vectors, number)
        x, cross_attention = _cross_attention(layers, x, number)
        heads = [head for of, head in alignment_heads if of == number]
        if heads:
            chosen = graph.constant(f"heads {number}", heads)
            attention.append(graph.add("Gather", cross_attention, chosen, axis=1))
        x = layers.feed_forward(x, f"decoder/layer_{number}")
    if attention:
        graph.output("attention", graph.add("Concat", *attention, axis=1))
    x = graph.add("Gather", x, graph.input("wanted", np.int64, "wanted"))
    _step_outputs(layers, x, eot, timestamps)
    return graph


def _self_attention(layers: _Layers, x: str, vectors: str, number: int) -> str:
    graph, dims = layers.graph, layers.dims
    layer = f"decoder/layer_{number}/self_attention"
    y = layers.linear(layers.norm(x, layer + "/layer_norm"), layer + "/linear_0")
    rows_and_new = graph.add("Shape", vectors, start=0, end=2)
    y = graph.add("Reshape", y, graph.add("Concat", rows_and_new, graph.constant("rest", [-1]), axis=0))
    past = [
        graph.input(f"past_{kind}{number}", np.float32, "rows", dims.decoder_heads, "room", dims.head_width)
        for kind in ("keys", "values")
    ]
    attended = graph.add_output(
        "GroupQueryAttention",
        [y, "", "", *past, "last", "total"],
        [f"new_keys{number}", f"new_values{number}"],
        domain=CONTRIBUTED,
        num_heads=dims.decoder_heads,
        kv_num_heads=dims.decoder_heads,
    )
    y = graph.add("Reshape", attended, graph.constant("matrix", [-1, dims.width]))
    return graph.add("Add", x, layers.linear(y, layer + "/linear_1"))


def _cross_attention(layers: _Layers, x: str, number: int) -> tuple[str, str]:
    """x after the layer, and the attention weights (windows, heads, beams * new, positions)."""
    graph, dims = layers.graph, layers.dims
    layer = f"decoder/layer_{number}/attention"
    heads, width = dims.decoder_heads, dims.head_width
    keys = graph.input(f"keys{number}", np.uint8, "windows", heads, "positions", width)
    values = graph.input(f"values{number}", np.int8, "windows", heads, "positions", width)
    key_scale = graph.input(f"keys_scale{number}", np.float32, "windows", heads, 1, "positions")
    value_scale = graph.input(f"values_scale{number}", np.float32, "windows", heads, 1, width)

    y = layers.linear(layers.norm(x, layer + "/layer_norm"), layer + "/linear_0")
    y = graph.add("Transpose", graph.add("Reshape", y, "by_window"), perm=[0, 2, 1, 3])
    vectors = graph.add("Reshape", y, graph.constant("vectors", [-1, width]))
    queries, scale = graph.quantize(vectors, np.int8, INT8_MAX, "vectors")
    queries = graph.add("Transpose", graph.add("Reshape", queries, graph.add("Shape", y)), perm=[0, 1, 3, 2])
    rows = graph.add("Concat", graph.add("Shape", y, start=0, end=3), graph.constant("each", [1]), axis=0)
    zero = graph.constant("zero of keys", np.uint8(max_quantized_weight() + 1))
    # Keys are the left factor, because their rows are then read in the order in which memory holds them.
    scores = graph.add("Transpose", graph.add("MatMulInteger", keys, queries, zero), perm=[0, 1, 3, 2])
    scores = graph.add("Mul", graph.cast(scores, np.float32), graph.add("Reshape", scale, rows))
    scores = graph.add("Add", graph.add("Mul", scores, key_scale), "mask")
    attention = graph.add("Softmax", scores, axis=-1)
    positions = graph.add("Shape", attention, start=3, end=4)
    flat = graph.add("Concat", graph.constant("rest", [-1]), positions, axis=0)
    quantized, row_scale = graph.quantize(
        graph.add("Reshape", attention, flat), np.uint8, UINT8_MAX, "vectors"
    )
    quantized = graph.add("Reshape", quantized, graph.add("Shape", attention))
    y = graph.cast(graph.add("MatMulInteger", quantized, values), np.float32)
    y = graph.add("Mul", graph.add("Mul", y, graph.add("Reshape", row_scale, rows)), value_scale)
    y = graph.add("Transpose", y, perm=[0, 2, 1, 3])
    y = graph.add("Reshape", y, graph.constant("matrix", [-1, dims.width]))
    return graph.add("Add", x, layers.linear(y, layer + "/linear_2")), attention


def _step_outputs(layers: _Layers, x: str, eot: int, timestamps: int) -> None:
    graph, dims = layers.graph, layers.dims
    x = layers.norm(x, "decoder/layer_norm")
    logits = layers.linear(x, "decoder/embeddings", of="wanted")
    graph.output("logits", logits)
    allowed = graph.add("Add", logits, graph.input("suppress", np.float32, dims.vocabulary))
    parts = graph.constant("text and times", [timestamps, dims.vocabulary - timestamps])
    text, times = graph.add_multi_output("Split", allowed, parts, outputs=2, axis=-1)
    best, tokens = graph.add_multi_output(
        "TopK", text, graph.input("candidates", np.int64, 1), outputs=2, axis=-1
    )
    columns = graph.constant("columns", [-1])
    largest = graph.add("ReduceMax", text, columns, keepdims=1)
    total = graph.add("ReduceSum", graph.add("Exp", graph.add("Sub", text, largest)), columns, keepdims=1)
    graph.output("text", best)
    graph.output("text_tokens", tokens, np.int64)
    graph.output("text_sum", graph.add("Add", graph.add("Log", total), largest))
    graph.output("end", graph.add("Gather", text, graph.constant("end of text", [eot]), axis=1))
    graph.output("times", times)
