"""The engine "onnxruntime": Whisper in 8-bit integers on the CPU, from the same models as faster-whisper.

A decoder step takes less than half the time of CTranslate2's, because weights are packed once instead of at
every step, and cross-attention reads 8-bit keys and values. See README.md.
"""

from collections.abc import Iterator, Sequence

from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.core.memory import set_trim_threshold
from whisper_appliance.engines.contract import EngineSpec, Window, WindowResult
from whisper_appliance.engines.process.out_of_memory import is_out_of_memory
from whisper_appliance.engines.whisper.window_decoder import decode_windows

KEPT_BYTES = 32 * 2**20
"""Freed memory that the heap keeps."""


class OnnxEngine:
    """A loaded model; calls from several threads run in parallel, one core each."""

    name = "onnxruntime"
    device = "cpu"
    compute_type = "int8"

    def __init__(self, spec: EngineSpec) -> None:
        """Loads the model. Raises `ModelUnavailable` if its files cannot be used, and `MemoryError`."""
        import onnxruntime

        from whisper_appliance.engines.onnx.model import OnnxModel

        self.version = onnxruntime.__version__
        self.warnings: tuple[str, ...] = tuple(_ignored_options(spec))
        set_trim_threshold(KEPT_BYTES)
        try:
            self._model = OnnxModel(spec.path)
        except Exception as error:  # ONNX Runtime and the tokenizer have no narrower common class
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            raise ModelUnavailable(
                "The model {model} could not be loaded: {error}", model=spec.model, error=error
            ) from error
        self.multilingual = self._model.multilingual

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """See `engines.contract.Engine`."""
        try:
            return decode_windows(self._model, windows)
        except ValueError as error:
            raise EngineFailed("The model could not work on this audio: {error}", error=error) from error


def _ignored_options(spec: EngineSpec) -> Iterator[str]:
    """Settings that were given for this engine and that it does not follow."""
    if spec.device == "cuda":
        yield "ONNX Runtime works on the CPU here; WHISPER_ENGINE=faster-whisper works on CUDA."
    if spec.compute_type not in ("auto", "int8"):
        yield f"ONNX Runtime computes in int8, not in {spec.compute_type}."
