"""A graph for ONNX Runtime, put together piece by piece; its matrix products are of 8-bit integers.

Weights have a scale a column, what they are multiplied with has one a row, found while it runs.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whisper_appliance.speech.engines.ct2_weights import Array, Floats

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

OPSET = 20
LARGE_BYTES = 1024
BLOCK_ROWS = 256
IR_VERSION = 9
CONTRIBUTED = "com.microsoft"
EPSILON = 1e-5
TINY = 1e-9
INT8_MAX = 127
UINT8_MAX = 255


@cache
def weight_max() -> int:
    """The largest value that a quantized weight is given.

    x86 without VNNI adds two products of 8 bits in 16, which overflow unless one side keeps to 7.
    """
    flags = _cpu_flags()
    return INT8_MAX if "avx2" not in flags or flags & {"avx512_vnni", "avx_vnni"} else 63


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {"avx2"}
    return set(next((line for line in lines if line.startswith("flags")), "").split())


class Graph:
    """Nodes, constants, inputs and outputs; a value is the name of what some node puts out."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Array] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._values = 0
        self._zero_points: dict[str, str] = {}

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
        (value,) = self.split(kind, *inputs, outputs=1, **attributes)
        return value

    def split(
        self, kind: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """A node with several outputs."""
        values = tuple(f"value{self._values + number}" for number in range(outputs))
        self._values += outputs
        self._nodes.append(_node(kind, inputs, values, domain=domain, **attributes))
        return values

    def into(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
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

    def quantized(self, x: str, rows: str = "") -> tuple[str, str]:
        """A matrix (rows, columns) as 8-bit integers around a zero point, and the scale of each row.

        `rows` names matrices that have equally many: what depends on it alone is worked out once.
        """
        columns = self.constant("columns", [-1])
        largest = self.add(
            "Max",
            self.add("ReduceMax", x, columns, keepdims=0),
            self.add("Neg", self.add("ReduceMin", x, columns, keepdims=0)),
            self.constant("tiny", np.float32(TINY)),
        )
        scale = self.add("Div", largest, self.constant("int8 max", np.float32(INT8_MAX)))
        if rows not in self._zero_points or not rows:
            self._zero_points[rows] = self.add("Expand", self.zero_point(), self.add("Shape", scale))
        matrix = self.add("QuantizeLinear", x, scale, self._zero_points[rows], axis=0)
        return matrix, self.add("Unsqueeze", scale, columns)

    def linear(
        self,
        x: tuple[str, str],
        name: str,
        outputs: int,
        weights: Callable[[slice], Floats],
        bias: Floats | None = None,
    ) -> str:
        """`x @ weights.T + bias` for what `quantized` made of x.

        `weights` gives some of the rows of a matrix (outputs, inputs).
        """
        if name not in self._constants:
            integers, scale = _quantized(outputs, weights)
            self.constant(name, integers)
            self.constant(name + "/scale", scale)
        matrix, row_scale = x
        y = self.add(
            "MatMulIntegerToFloat", matrix, name, self.constant("one", np.float32(1)), name + "/scale",
            self.zero_point(), domain=CONTRIBUTED,
        )  # fmt: skip
        y = self.add("Mul", y, row_scale)
        return y if bias is None else self.add("Add", y, self.constant(name + "/bias", bias))

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
        """Where `quantized` puts 0."""
        return self.constant("zero_point", np.uint8(INT8_MAX + 1))


def _quantized(outputs: int, weights: Callable[[slice], Floats]) -> tuple[Array, Floats]:
    """The matrix as 8-bit integers (inputs, outputs), and a scale for each output."""
    integers: Array = np.empty((0, outputs), np.int8)
    scales: Floats = np.empty(outputs, np.float32)
    for start in range(0, outputs, BLOCK_ROWS):  # what stays in the processor's cache is worked on faster
        some = slice(start, min(start + BLOCK_ROWS, outputs))
        rows = weights(some)
        scales[some] = np.maximum(np.maximum(rows.max(axis=1), -rows.min(axis=1)), TINY) / weight_max()
        rows *= 1 / scales[some, np.newaxis]
        if not len(integers):
            integers = np.empty((rows.shape[1], outputs), np.int8)
        integers[:, some] = np.rint(rows, out=rows).astype(np.int8).T
    return integers, scales


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
