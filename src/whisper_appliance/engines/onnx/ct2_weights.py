"""The weights in CTranslate2's `model.bin`.

Its layout is the one of ctranslate2/specs/model_spec.py (`ModelSpec._serialize`).
"""

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_BFLOAT16 = 5


class Weights:
    """The variables of a model by name, memory-mapped: values are read from the file at first use."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError`, and `ValueError` if this is no model file or of an unsupported kind."""
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._offset = 0
        try:
            self._variables = self._read()
        except (struct.error, UnicodeDecodeError) as error:
            raise ValueError(f"{path.name} is not a model of CTranslate2: {error}") from error

    def __contains__(self, name: str) -> bool:
        return name in self._variables

    def raw(self, name: str) -> Array:
        """A variable as stored, without a copy. Raises `ValueError` if there is none of this name."""
        try:
            return self._variables[name]
        except KeyError:
            raise ValueError(f"The model has no {name}.") from None

    def number(self, name: str) -> int:
        """A scalar variable as an integer."""
        return int(self.raw(name))

    def floats(self, name: str, rows: slice = slice(None)) -> Floats:
        """Some rows as float32; quantized variables are dequantized with `<name>_scale`."""
        values = self.raw(name)
        values = values[rows] if values.ndim else values
        if values.dtype == np.uint16:  # bfloat16: the upper half of a float32
            return (values.astype(np.uint32) << 16).view(np.float32)
        floats = values.astype(np.float32)
        if values.dtype in (np.int8, np.int16):
            scale = self.floats(name + "_scale")
            scale = scale[rows] if scale.ndim else scale
            floats /= scale.reshape(scale.shape + (1,) * (floats.ndim - scale.ndim))
        return floats

    def drop_cached_pages(self) -> None:
        """Frees the memory of the pages read so far; the system reads them again at the next use."""
        self._bytes.madvise(mmap.MADV_DONTNEED)

    def layers(self, part: str) -> int:
        """How many layers the `encoder` or `decoder` has."""
        return sum(n.startswith(part) and n.endswith("/ffn/layer_norm/gamma") for n in self._variables)

    def _read(self) -> dict[str, Array]:
        self._number("<I")
        if not self._name().startswith("Whisper"):
            raise ValueError("This is not a Whisper model.")
        self._number("<I")
        variables = dict(self._variable() for _ in range(self._number("<I")))
        aliases = self._number("<I") if self._offset < len(self._bytes) else 0
        for _ in range(aliases):
            alias, name = self._name(), self._name()
            variables[alias] = variables[name]
        return variables

    def _variable(self) -> tuple[str, Array]:
        name = self._name()
        shape = [self._number("<I") for _ in range(self._number("<B"))]
        kind, size = self._number("<B"), self._number("<I")
        if kind != _BFLOAT16 and kind not in _TYPES:
            raise ValueError(f"{name} has an unsupported number type ({kind}).")
        dtype = np.dtype(_TYPES.get(kind, np.uint16))
        values = np.frombuffer(self._bytes, dtype, size // dtype.itemsize, self._offset).reshape(shape)
        self._offset += size
        return name, values

    def _number(self, kind: str) -> int:
        (number,) = struct.unpack_from(kind, self._bytes, self._offset)
        self._offset += struct.calcsize(kind)
        return int(number)

    def _name(self) -> str:
        size = self._number("<H")
        name = self._bytes[self._offset : self._offset + size].rstrip(b"\0").decode()
        self._offset += size
        return name
