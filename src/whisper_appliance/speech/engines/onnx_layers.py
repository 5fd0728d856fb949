"""Whisper's encoder and decoder (Radford et al., 2022) as graphs, from the weights of a CTranslate2 model.

What the decoder attends to in the audio, keys and values, is made once a window, by the encoder's graph, and
kept as 8-bit integers: a step of the decoder reads all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whisper_appliance.speech.engines.ct2_weights import Floats, Weights
from whisper_appliance.speech.engines.onnx_graph import CONTRIBUTED, TINY, UINT8_MAX, Graph, weight_max

ALL = "all positions"
GELU = 3  # CTranslate2's number for it


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a model; `width` is the length of its vectors."""

    mels: int
    width: int
    vocabulary: int
    heads: int
    decoder_heads: int
    encoder_layers: int
    decoder_layers: int
    positions: int

    @classmethod
    def of(cls, weights: Weights) -> "Sizes":
        """Raises `ValueError` where this is not a Whisper model as its authors designed it."""
        width, mels, _ = weights.raw("encoder/conv1/weight").shape
        known = {"activation": GELU, "pre_norm": True, "alibi": False}
        told = [(f"{side}/{kind}", value) for side in ("encoder", "decoder") for kind, value in known.items()]
        if any(name in weights and weights.number(name) != value for name, value in told):
            raise ValueError("This model has an activation or an order of layers that is not known here.")
        projection = "decoder/projection/weight"
        if projection in weights and weights.raw(projection) is not weights.raw("decoder/embeddings/weight"):
            raise ValueError("This model has words of its own for what it says, which is not known here.")
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
    """What encoder and decoder have in common; x and all results are matrices (positions, width)."""

    def __init__(self, graph: Graph, weights: Weights, sizes: Sizes) -> None:
        self.graph = graph
        self.weights = weights
        self.sizes = sizes

    def norm(self, x: str, name: str) -> str:
        """Layer norm."""
        return self.graph.layer_norm(
            x, name, self.weights.floats(name + "/gamma"), self.weights.floats(name + "/beta")
        )

    def linear(self, x: tuple[str, str], name: str, rows: slice = slice(None), part: str = "") -> str:
        """A matrix product with some of the rows of a weight."""
        bias = self.weights.floats(name + "/bias", rows) if name + "/bias" in self.weights else None
        start, stop, _ = rows.indices(len(self.weights.raw(name + "/weight")))

        def weights(some: slice) -> Floats:
            return self.weights.floats(name + "/weight", slice(start + some.start, start + some.stop))

        y = self.graph.linear(x, name + part, stop - start, weights, bias)
        self.weights.forget()
        return y

    def feed_forward(self, x: str, layer: str) -> str:
        """The second half of every layer."""
        graph = self.graph
        heard = graph.quantized(self.norm(x, layer + "/ffn/layer_norm"), ALL)
        y = graph.add("Gelu", self.linear(heard, layer + "/ffn/linear_0"))
        return graph.add("Add", x, self.linear(graph.quantized(y, ALL), layer + "/ffn/linear_1"))


def encoder(weights: Weights) -> Graph:
    """A window, for what the decoder attends to in it.

    Input: `mel` (1, mels, frames); two frames make a position. Outputs, for every layer i of the decoder:
    `keys<i>` (1, heads, head width, positions) and `values<i>` (1, heads, positions, head width) in int8,
    to be multiplied by `keys_scale<i>` (1, heads, 1, positions) and `values_scale<i>` (1, heads, 1, head
    width).
    """
    graph, sizes = Graph(), Sizes.of(weights)
    layers = _Layers(graph, weights, sizes)
    x = graph.input("mel", np.float32, 1, sizes.mels, "frames")
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
    for number in range(sizes.encoder_layers):
        x = _encoder_layer(layers, x, f"encoder/layer_{number}")
    heard = graph.quantized(layers.norm(x, "encoder/layer_norm"), ALL)
    for number in range(sizes.decoder_layers):
        _keys_and_values(layers, heard, number)
    return graph


def _encoder_layer(layers: _Layers, x: str, layer: str) -> str:
    graph, width = layers.graph, layers.sizes.width
    y = graph.quantized(layers.norm(x, layer + "/self_attention/layer_norm"), ALL)
    batch = graph.constant("first", [0])
    parts: list[str] = []
    for part in ("queries", "keys", "values"):
        rows = slice(len(parts) * width, (len(parts) + 1) * width)
        heard = layers.linear(y, layer + "/self_attention/linear_0", rows, part)
        parts.append(graph.add("Unsqueeze", heard, batch))
    attended = graph.add("MultiHeadAttention", *parts, domain=CONTRIBUTED, num_heads=layers.sizes.heads)
    y = graph.quantized(graph.add("Squeeze", attended, batch), ALL)
    x = graph.add("Add", x, layers.linear(y, layer + "/self_attention/linear_1"))
    return layers.feed_forward(x, layer)


def _keys_and_values(layers: _Layers, heard: tuple[str, str], number: int) -> None:
    graph, sizes = layers.graph, layers.sizes
    name = f"decoder/layer_{number}/attention/linear_1"
    shape = graph.constant("by head", [1, -1, sizes.decoder_heads, sizes.head_width])
    # A key has a scale for each position, a value one for each place in its vector:
    # one number for all that is added up.
    for part, (kind, order) in enumerate((("keys", [0, 2, 3, 1]), ("values", [0, 2, 1, 3]))):
        rows = slice(part * sizes.width, (part + 1) * sizes.width)
        y = graph.add("Reshape", layers.linear(heard, name, rows, kind), shape)
        y = graph.add("Transpose", y, perm=order)
        largest = graph.add("ReduceMax", graph.add("Abs", y), graph.constant("added up", [2]), keepdims=1)
        largest = graph.add("Max", largest, graph.constant("tiny", np.float32(TINY)))
        scale = graph.add("Div", largest, graph.constant("weight max", np.float32(weight_max())))
        whole = graph.add("Round", graph.add("Div", y, scale))
        graph.output(f"{kind}{number}", graph.cast(whole, np.int8), np.int8)
        graph.output(f"{kind}_scale{number}", scale)


def decoder(weights: Weights, alignment_heads: Sequence[tuple[int, int]], eot: int, timestamps: int) -> Graph:
    """One step for `rows` answers, `beams` of them for each window, over `new` tokens each.

    Inputs: `x` (rows, new, width), the embedded tokens; `past_keys<i>` and `past_values<i>` (rows, heads,
    room, head width), which are written to; `total` (1), how many tokens are in them afterwards, and
    `last` (rows), one less; what the encoder put out; `by_window`, which is [windows, beams * new, heads,
    head width]; `wanted`, the rows of (rows * new) to be answered; `suppress` (vocabulary), added to the
    logits; `candidates` (1).

    Outputs: `attention` (windows, alignment heads, beams * new, positions), and for each wanted `logits`
    (vocabulary); of the logits with `suppress`, `text` and `text_tokens` (candidates) are the largest
    below the first timestamp and their tokens, `text_sum` (1) the logarithm of the sum of the
    exponentials of all of them, `end` (1) that of the end of text, `times` those of the timestamps.
    """
    graph, sizes = Graph(), Sizes.of(weights)
    layers = _Layers(graph, weights, sizes)
    vectors = graph.input("x", np.float32, "rows", "new", sizes.width)
    graph.input("last", np.int32, "rows")
    graph.input("total", np.int32, 1)
    graph.input("by_window", np.int64, 4)
    x = graph.add("Reshape", vectors, graph.constant("matrix", [-1, sizes.width]))
    attention: list[str] = []
    for number in range(sizes.decoder_layers):
        x = _self_attention(layers, x, vectors, number)
        x, looked_at = _cross_attention(layers, x, number)
        heads = [head for of, head in alignment_heads if of == number]
        if heads:
            attention.append(graph.add("Gather", looked_at, graph.constant(f"heads {number}", heads), axis=1))
        x = layers.feed_forward(x, f"decoder/layer_{number}")
    if attention:
        graph.output("attention", graph.add("Concat", *attention, axis=1))
    x = graph.add("Gather", x, graph.input("wanted", np.int64, "wanted"))
    _answers(layers, x, eot, timestamps)
    return graph


def _self_attention(layers: _Layers, x: str, vectors: str, number: int) -> str:
    graph, sizes = layers.graph, layers.sizes
    layer = f"decoder/layer_{number}/self_attention"
    y = layers.linear(graph.quantized(layers.norm(x, layer + "/layer_norm"), ALL), layer + "/linear_0")
    rows_and_new = graph.add("Shape", vectors, start=0, end=2)
    y = graph.add("Reshape", y, graph.add("Concat", rows_and_new, graph.constant("rest", [-1]), axis=0))
    past = [
        graph.input(f"past_{kind}{number}", np.float32, "rows", sizes.decoder_heads, "room", sizes.head_width)
        for kind in ("keys", "values")
    ]
    attended = graph.into(
        "GroupQueryAttention",
        [y, "", "", *past, "last", "total"],
        [f"new_keys{number}", f"new_values{number}"],
        domain=CONTRIBUTED,
        num_heads=sizes.decoder_heads,
        kv_num_heads=sizes.decoder_heads,
    )
    y = graph.add("Reshape", attended, graph.constant("matrix", [-1, sizes.width]))
    return graph.add("Add", x, layers.linear(graph.quantized(y, ALL), layer + "/linear_1"))


def _cross_attention(layers: _Layers, x: str, number: int) -> tuple[str, str]:
    """x after it, and what was looked at: (windows, heads, beams * new, positions)."""
    graph, sizes = layers.graph, layers.sizes
    layer = f"decoder/layer_{number}/attention"
    heads, width = sizes.decoder_heads, sizes.head_width
    keys = graph.input(f"keys{number}", np.int8, "windows", heads, width, "positions")
    values = graph.input(f"values{number}", np.int8, "windows", heads, "positions", width)
    key_scale = graph.input(f"keys_scale{number}", np.float32, "windows", heads, 1, "positions")
    value_scale = graph.input(f"values_scale{number}", np.float32, "windows", heads, 1, width)

    y = layers.linear(graph.quantized(layers.norm(x, layer + "/layer_norm"), ALL), layer + "/linear_0")
    y = graph.add("Mul", y, graph.constant("attention scale", np.float32(width**-0.5)))
    y = graph.add("Transpose", graph.add("Reshape", y, "by_window"), perm=[0, 2, 1, 3])
    queries, scale = graph.quantized(graph.add("Reshape", y, graph.constant("vectors", [-1, width])))
    queries = graph.add("Reshape", queries, graph.add("Shape", y))
    rows = graph.add("Concat", graph.add("Shape", y, start=0, end=3), graph.constant("each", [1]), axis=0)
    scale = graph.add("Reshape", scale, rows)
    scores = graph.cast(graph.add("MatMulInteger", queries, keys, graph.zero_point()), np.float32)
    scores = graph.add("Mul", graph.add("Mul", scores, scale), key_scale)
    looked_at = graph.add("Softmax", scores, axis=-1)
    most = graph.add("ReduceMax", looked_at, graph.constant("columns", [-1]), keepdims=1)
    share = graph.add("Div", most, graph.constant("uint8 max", np.float32(UINT8_MAX)))
    shares = graph.cast(graph.add("Round", graph.add("Div", looked_at, share)), np.uint8)
    y = graph.cast(graph.add("MatMulInteger", shares, values), np.float32)
    y = graph.add("Mul", graph.add("Mul", y, share), value_scale)
    y = graph.add("Transpose", y, perm=[0, 2, 1, 3])
    y = graph.add("Reshape", y, graph.constant("matrix", [-1, sizes.width]))
    return graph.add("Add", x, layers.linear(graph.quantized(y, ALL), layer + "/linear_2")), looked_at


def _answers(layers: _Layers, x: str, eot: int, timestamps: int) -> None:
    graph, sizes = layers.graph, layers.sizes
    x = layers.norm(x, "decoder/layer_norm")
    logits = layers.linear(graph.quantized(x), "decoder/embeddings")
    graph.output("logits", logits)
    allowed = graph.add("Add", logits, graph.input("suppress", np.float32, sizes.vocabulary))
    parts = graph.constant("text and times", [timestamps, sizes.vocabulary - timestamps])
    text, times = graph.split("Split", allowed, parts, outputs=2, axis=-1)
    best, tokens = graph.split("TopK", text, graph.input("candidates", np.int64, 1), outputs=2, axis=-1)
    columns = graph.constant("columns", [-1])
    most = graph.add("ReduceMax", text, columns, keepdims=1)
    total = graph.add("ReduceSum", graph.add("Exp", graph.add("Sub", text, most)), columns, keepdims=1)
    graph.output("text", best)
    graph.output("text_tokens", tokens, np.int64)
    graph.output("text_sum", graph.add("Add", graph.add("Log", total), most))
    graph.output("end", graph.add("Gather", text, graph.constant("end of text", [eot]), axis=1))
    graph.output("times", times)
