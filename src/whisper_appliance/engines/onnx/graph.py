"""A graph for ONNX Runtime, put together piece by piece; its matrix products are of 8-bit integers.

For many rows at a time, weights have a scale a column, and what they are multiplied with one a row, found
while it runs. For few, both have one for every block of a row: ONNX Runtime then does all of it in one step,
as fast as the memory gives it the weights.
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
BLOCK_ROWS = 256
BLOCK = 128
IR_VERSION = 9
CONTRIBUTED = "com.microsoft"
IN_INT8 = 4  # ONNX Runtime's number for it
EPSILON = 1e-5
TINY = 1e-9
INT8_MAX = 127
UINT8_MAX = 255


@cache
def max_quantized_weight() -> int:
    """The largest value of one factor: of weights for many rows, and of what a decoder attends to.

    x86 without VNNI adds two products of 8 bits in 16, which overflow unless one side keeps to 7.
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
    """Nodes, constants, inputs and outputs; a value is the name of what some node puts out."""

    def __init__(self, few_rows: bool = False) -> None:
        """`few_rows`: what is multiplied with weights has not many of them."""
        self._in_blocks = few_rows and "avx2" in _cpu_flags()
        self._nodes: list[Any] = []
        self._constants: dict[str, Array] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._values = 0
        self._zero_points: dict[str, str] = {}
        self._quantized: dict[str, tuple[str, str]] = {}

    def input(self, name: str, dtype: Any, *shape: int | str) -> str:
        """Something that is given at every run; a dimension without a number has a name."""
        self._inputs.append(_described(name, dtype, shape))
        return name

    def output(self, name: str, value: str, dtype: Any = np.float32) -> None:
        """Lets a run answer a value under this name."""
        self._nodes.append(_node("Identity", [value], [name]))
        self._outputs.append(_described(name, dtype, None))

    def constant(self, name: str, value: Any) -> str:
        """A value that never changes; the same name is the same constant."""
        if name not in self._constants:
            self._constants[name] = np.ascontiguousarray(value)
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        (value,) = self.add_multi_output(kind, *inputs, outputs=1, **attributes)
        return value

    def add_multi_output(
        self, kind: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """A node with several outputs."""
        values = tuple(f"value{self._values + number}" for number in range(outputs))
        self._values += outputs
        self._nodes.append(_node(kind, inputs, values, domain=domain, **attributes))
        return values

    def add_output(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        """A node with one output for the graph itself, and others that a run answers under those names."""
        value = f"value{self._values}"
        self._values += 1
        self._nodes.append(_node(kind, inputs, [value, *outputs], **attributes))
        self._outputs += [_described(name, np.float32, None) for name in outputs]
        return value

    def cast(self, x: str, dtype: Any) -> str:
        """The same numbers as another type."""
        from onnx import helper

        return self.add("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def layer_norm(self, x: str, name: str, gamma: Floats, beta: Floats) -> str:
        """Rows with mean 0 and deviation 1, then scaled and moved."""
        scale, shift = self.constant(name + "/gamma", gamma), self.constant(name + "/beta", beta)
        return self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    def quantize(self, x: str, dtype: Any, most: int, rows: str = "") -> tuple[str, str]:
        """A matrix as whole numbers up to `most`, and the scale of each row (rows, 1).

        uint8 with less than its maximum has a zero point in the middle; without, x is not negative.
        `rows` names matrices that have equally many: what depends on it alone is worked out once.
        """
        columns = self.constant("columns", [-1])
        largest = self.add("ReduceMax", x, columns, keepdims=0)
        if most < UINT8_MAX:
            largest = self.add("Max", largest, self.add("Neg", self.add("ReduceMin", x, columns, keepdims=0)))
        largest = self.add("Max", largest, self.constant("tiny", np.float32(TINY)))
        scale = self.add("Div", largest, self.constant(f"most {most}", np.float32(most)))
        zero = most + 1 if dtype is np.uint8 and most < UINT8_MAX else 0
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
        """`x @ weights.T + bias` for a matrix x; see `whole` for `rows`.

        `weights` gives some of the rows of a matrix of this shape, (outputs, inputs).
        """
        moved = () if bias is None else (self.constant(name + "/bias", bias),)
        if self._in_blocks and shape[1] % BLOCK == 0:
            return self._blocks(x, name, shape, weights, moved)
        weight, scale = self._weight(name, *_quantized(shape, weights))
        if x not in self._quantized:
            self._quantized[x] = self.quantize(x, np.uint8, INT8_MAX, rows)
        matrix, row_scale = self._quantized[x]
        y = self.add(
            "MatMulIntegerToFloat", matrix, weight, self.constant("one", np.float32(1)), scale,
            self.zero_point(), domain=CONTRIBUTED,
        )  # fmt: skip
        y = self.add("Mul", y, row_scale)
        return self.add("Add", y, *moved) if moved else y

    def _blocks(
        self,
        x: str,
        name: str,
        shape: tuple[int, int],
        weights: Callable[[slice], Floats],
        moved: tuple[str, ...],
    ) -> str:
        weight, scale = self._weight(name, *_quantized_in_blocks(shape, weights))
        outputs, inputs = shape
        return self.add(
            "MatMulNBits", x, weight, scale, *(("", "", *moved) if moved else ()),
            domain=CONTRIBUTED, N=outputs, K=inputs, bits=8, block_size=BLOCK, accuracy_level=IN_INT8,
        )  # fmt: skip

    def _weight(self, name: str, integers: Array, scale: Floats) -> tuple[str, str]:
        return self.constant(name, integers), self.constant(name + "/scale", scale)

    def session(self) -> "InferenceSession":
        """The graph, ready to run on as many threads as call it. Its constants are no longer kept here."""
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
        # Plans are made for one shape each, and windows come in all lengths.
        options.enable_mem_pattern = False
        # Handed over in memory, weights are let go once they are packed; in a file they would be kept.
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        handed = {name: value for name, value in constants.items() if _is_large(value)}
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in handed.values()]
        options.add_external_initializers(list(handed), values)
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def zero_point(self) -> str:
        """Where 0 is in what is multiplied with weights."""
        return self.constant(f"zero uint8 {INT8_MAX + 1}", np.uint8(INT8_MAX + 1))


def _quantized(shape: tuple[int, int], weights: Callable[[slice], Floats]) -> tuple[Array, Floats]:
    """The matrix as 8-bit integers (inputs, outputs), and a scale for each output."""
    outputs, inputs = shape
    integers: Array = np.empty((inputs, outputs), np.int8)
    scales: Floats = np.empty(outputs, np.float32)
    for some in _some_at_a_time(outputs):
        whole, scales[some] = _whole(weights(some), max_quantized_weight())
        integers[:, some] = whole.astype(np.int8).T
    return integers, scales


def _quantized_in_blocks(shape: tuple[int, int], weights: Callable[[slice], Floats]) -> tuple[Array, Floats]:
    """The matrix as 8-bit integers around a zero point, and their scales; (outputs, blocks [, `BLOCK`])."""
    outputs, blocks = shape[0], shape[1] // BLOCK
    integers: Array = np.empty((outputs, blocks, BLOCK), np.uint8)
    scales: Floats = np.empty((outputs, blocks), np.float32)
    for some in _some_at_a_time(outputs):
        whole, scales[some] = _whole(weights(some).reshape(-1, blocks, BLOCK), INT8_MAX)
        whole += INT8_MAX + 1
        integers[some] = whole.astype(np.uint8)
    return integers, scales


def _some_at_a_time(rows: int) -> Iterator[slice]:
    """What stays in the processor's cache is worked on faster."""
    return (slice(start, min(start + BLOCK_ROWS, rows)) for start in range(0, rows, BLOCK_ROWS))


def _whole(numbers: Floats, most: int) -> tuple[Floats, Floats]:
    """Whole numbers from -most to most in the place of these, and what to multiply each last row with."""
    scales: Floats = np.maximum(np.maximum(numbers.max(axis=-1), -numbers.min(axis=-1)), TINY) / most
    numbers *= 1 / scales[..., np.newaxis]
    return np.rint(numbers, out=numbers), scales


def _node(kind: str, inputs: Any, outputs: Any, domain: str = "", **attributes: Any) -> Any:
    from onnx import helper

    return helper.make_node(kind, list(inputs), list(outputs), domain=domain, **attributes)


def _described(name: str, dtype: Any, shape: tuple[int | str, ...] | None) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def _tensor(name: str, value: Array) -> Any:
    """A constant; of a large one only its name, shape and type."""
    from onnx import TensorProto, helper, numpy_helper

    if not _is_large(value):
        return numpy_helper.from_array(value, name)
    tensor = TensorProto(name=name, dims=value.shape, data_location=TensorProto.EXTERNAL)
    tensor.data_type = helper.np_dtype_to_tensor_dtype(value.dtype)
    tensor.external_data.add(key="location", value="memory")
    return tensor


def _is_large(value: Array) -> bool:
    return value.nbytes > LARGE_BYTES
