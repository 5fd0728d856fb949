"""Builder of ONNX graphs with quantized matrix products (8-bit integers, dynamic quantization).

Many rows at a time: weights have one scale a column (static), activations one scale a row (computed in the
graph). Few rows: both have one scale for each block of `BLOCK` numbers, because ONNX Runtime then quantizes
and multiplies in one operator (`MatMulNBits`), limited only by memory bandwidth.
"""

import platform
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whisper_appliance.engines.onnx.ct2_weights import Array, Floats

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

OPSET = 20
LARGE_BYTES = 1024
CHUNK_ROWS = 256
BLOCK = 128
IR_VERSION = 9
CONTRIBUTED = "com.microsoft"
ACCURACY_INT8 = 4  # ONNX Runtime's `accuracy_level` for products in int8
EPSILON = 1e-5
TINY = 1e-9
INT8_MAX = 127
UINT8_MAX = 255


@cache
def max_quantized_weight() -> int:
    """The largest quantized value of the encoder's weights and of the cross-attention's keys and values.

    x86 without VNNI adds two 8-bit products in 16 bits; the sum overflows unless one factor has only 7 bits.
    """
    flags = _cpu_flags()
    return INT8_MAX if "avx2" not in flags or flags & {"avx512_vnni", "avx_vnni"} else 63


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {"avx2"} if platform.machine() in ("x86_64", "AMD64") else set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


class Graph:
    """Nodes, constants, inputs and outputs of a graph; a value is referred to by its name."""

    def __init__(self, few_rows: bool = False) -> None:
        """`few_rows`: weights are multiplied with few rows at a time, so they are quantized in blocks."""
        self._in_blocks = few_rows and "avx2" in _cpu_flags()
        self._nodes: list[Any] = []
        self._constants: dict[str, Array] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._values = 0
        self._zero_points: dict[str, str] = {}
        self._quantized: dict[str, tuple[str, str]] = {}

    def input(self, name: str, dtype: Any, *shape: int | str) -> str:
        """Adds an input of the graph; a dimension of variable length has a name."""
        self._inputs.append(_value_info(name, dtype, shape))
        return name

    def output(self, name: str, value: str, dtype: Any = np.float32) -> None:
        """Makes a value an output of the graph under this name."""
        self._nodes.append(_node("Identity", [value], [name]))
        self._outputs.append(_value_info(name, dtype, None))

    def constant(self, name: str, value: Any) -> str:
        """Adds a constant (initializer) unless there is one of this name."""
        if name not in self._constants:
            self._constants[name] = np.ascontiguousarray(value)
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node with one output and returns its name."""
        (value,) = self.add_multi_output(kind, *inputs, outputs=1, **attributes)
        return value

    def add_multi_output(
        self, kind: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """Adds a node with several outputs and returns their names."""
        values = tuple(f"value{self._values + number}" for number in range(outputs))
        self._values += outputs
        self._nodes.append(_node(kind, inputs, values, domain=domain, **attributes))
        return values

    def add_output(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        """Adds a node and returns its first output; the others become outputs of the graph (`outputs`)."""
        value = f"value{self._values}"
        self._values += 1
        self._nodes.append(_node(kind, inputs, [value, *outputs], **attributes))
        self._outputs += [_value_info(name, np.float32, None) for name in outputs]
        return value

    def cast(self, x: str, dtype: Any) -> str:
        """Converts to another number type."""
        from onnx import helper

        return self.add("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def layer_norm(self, x: str, name: str, gamma: Floats, beta: Floats) -> str:
        """Layer normalization over the last dimension."""
        scale, shift = self.constant(name + "/gamma", gamma), self.constant(name + "/beta", beta)
        return self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    def quantize(self, x: str, dtype: Any, max_value: int, rows: str = "") -> tuple[str, str]:
        """Quantizes a matrix row by row; returns integers up to `max_value`, and the scales (rows, 1).

        uint8 up to 127 has a zero point of 128; uint8 up to 255 has none and requires x >= 0.
        `rows` is a name shared by matrices with equally many rows, so that their zero points are made once.
        """
        columns = self.constant("columns", [-1])
        largest = self.add("ReduceMax", x, columns, keepdims=0)
        if max_value < UINT8_MAX:
            largest = self.add("Max", largest, self.add("Neg", self.add("ReduceMin", x, columns, keepdims=0)))
        largest = self.add("Max", largest, self.constant("tiny", np.float32(TINY)))
        scale = self.add("Div", largest, self.constant(f"max {max_value}", np.float32(max_value)))
        zero = max_value + 1 if dtype is np.uint8 and max_value < UINT8_MAX else 0
        key = f"{rows} {np.dtype(dtype)} {zero}"
        if key not in self._zero_points or not rows:
            point = self.constant(f"zero {np.dtype(dtype)} {zero}", dtype(zero))
            self._zero_points[key] = self.add("Expand", point, self.add("Shape", scale))
        matrix = self.add("QuantizeLinear", x, scale, self._zero_points[key], axis=0)
        return matrix, self.add("Unsqueeze", scale, columns)

    def linear(
        self,
        x: str,
        name: str,
        shape: tuple[int, int],
        weights: Callable[[slice], Floats],
        bias: Floats | None = None,
        rows: str = "",
    ) -> str:
        """`x @ weights.T + bias` for a matrix x; see `quantize` for `rows`.

        `weights` returns a slice of the rows of the weight matrix; `shape` is (outputs, inputs).
        """
        biases = () if bias is None else (self.constant(name + "/bias", bias),)
        if self._in_blocks and shape[1] % BLOCK == 0:
            return self._linear_in_blocks(x, name, shape, weights, biases)
        weight, scale = self._weight(name, *_quantized(shape, weights))
        if x not in self._quantized:
            self._quantized[x] = self.quantize(x, np.uint8, INT8_MAX, rows)
        matrix, row_scale = self._quantized[x]
        y = self.add(
            "MatMulIntegerToFloat", matrix, weight, self.constant("one", np.float32(1)), scale,
            self.zero_point(), domain=CONTRIBUTED,
        )  # fmt: skip
        y = self.add("Mul", y, row_scale)
        return self.add("Add", y, *biases) if biases else y

    def _linear_in_blocks(
        self,
        x: str,
        name: str,
        shape: tuple[int, int],
        weights: Callable[[slice], Floats],
        biases: tuple[str, ...],
    ) -> str:
        weight, scale = self._weight(name, *_quantized_in_blocks(shape, weights))
        outputs, inputs = shape
        return self.add(
            "MatMulNBits", x, weight, scale, *(("", "", *biases) if biases else ()),
            domain=CONTRIBUTED, N=outputs, K=inputs, bits=8, block_size=BLOCK, accuracy_level=ACCURACY_INT8,
        )  # fmt: skip

    def _weight(self, name: str, integers: Array, scale: Floats) -> tuple[str, str]:
        return self.constant(name, integers), self.constant(name + "/scale", scale)

    def session(self) -> "InferenceSession":
        """An inference session that any number of threads may run. The graph gives up its constants."""
        import onnxruntime
        from onnx import helper

        constants, self._constants = self._constants, {}
        tensors = [_tensor(name, value) for name, value in constants.items()]
        graph = helper.make_graph(self._nodes, "whisper", self._inputs, self._outputs, tensors)
        operators = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)]
        model = helper.make_model(graph, opset_imports=operators, ir_version=IR_VERSION)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Off, because a memory plan fits one input shape, and windows come in all lengths.
        options.enable_mem_pattern = False
        # Weights handed over in memory are freed once they are packed; in a file they would stay mapped.
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        large = {name: value for name, value in constants.items() if _is_large(value)}
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in large.values()]
        options.add_external_initializers(list(large), values)
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def zero_point(self) -> str:
        """The zero point of quantized activations."""
        return self.constant(f"zero uint8 {INT8_MAX + 1}", np.uint8(INT8_MAX + 1))


def _quantized(shape: tuple[int, int], weights: Callable[[slice], Floats]) -> tuple[Array, Floats]:
    """Quantizes a weight matrix: int8 (inputs, outputs), and one scale for each output."""
    outputs, inputs = shape
    integers: Array = np.empty((inputs, outputs), np.int8)
    scales: Floats = np.empty(outputs, np.float32)
    for chunk in _chunks(outputs):
        rounded, scales[chunk] = _round(weights(chunk), max_quantized_weight())
        integers[:, chunk] = rounded.astype(np.int8).T
    return integers, scales


def _quantized_in_blocks(shape: tuple[int, int], weights: Callable[[slice], Floats]) -> tuple[Array, Floats]:
    """Quantizes a weight matrix in blocks: uint8 (outputs, blocks, `BLOCK`), scales (outputs, blocks)."""
    outputs, blocks = shape[0], shape[1] // BLOCK
    integers: Array = np.empty((outputs, blocks, BLOCK), np.uint8)
    scales: Floats = np.empty((outputs, blocks), np.float32)
    for chunk in _chunks(outputs):
        rounded, scales[chunk] = _round(weights(chunk).reshape(-1, blocks, BLOCK), INT8_MAX)
        rounded += INT8_MAX + 1
        integers[chunk] = rounded.astype(np.uint8)
    return integers, scales


def _chunks(rows: int) -> Iterator[slice]:
    """Slices of rows that are small enough for the processor's cache, because that is faster."""
    return (slice(start, min(start + CHUNK_ROWS, rows)) for start in range(0, rows, CHUNK_ROWS))


def _round(numbers: Floats, max_value: int) -> tuple[Floats, Floats]:
    """Rounds in place to integers from -max_value to max_value; returns them and a scale for each row."""
    scales: Floats = np.maximum(np.maximum(numbers.max(axis=-1), -numbers.min(axis=-1)), TINY) / max_value
    numbers *= 1 / scales[..., np.newaxis]
    return np.rint(numbers, out=numbers), scales


def _node(kind: str, inputs: Any, outputs: Any, domain: str = "", **attributes: Any) -> Any:
    from onnx import helper

    return helper.make_node(kind, list(inputs), list(outputs), domain=domain, **attributes)


def _value_info(name: str, dtype: Any, shape: tuple[int | str, ...] | None) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def _tensor(name: str, value: Array) -> Any:
    """A constant as an initializer; a large one has only its name, shape and type here."""
    from onnx import TensorProto, helper, numpy_helper

    if not _is_large(value):
        return numpy_helper.from_array(value, name)
    tensor = TensorProto(name=name, dims=value.shape, data_location=TensorProto.EXTERNAL)
    tensor.data_type = helper.np_dtype_to_tensor_dtype(value.dtype)
    tensor.external_data.add(key="location", value="memory")
    return tensor


def _is_large(value: Array) -> bool:
    return value.nbytes > LARGE_BYTES
