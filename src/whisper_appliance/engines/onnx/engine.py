"""ONNX Runtime: Whisper on a CPU, in 8-bit integers, from the same models as faster-whisper.

A step of its decoder takes a core less than half the time of CTranslate2's: weights are packed once, not at
every step, and what was heard is read as 8-bit integers.
"""

from collections.abc import Iterator, Sequence

from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.engines.contract import EngineSpec, Window, WindowResult
from whisper_appliance.engines.process.out_of_memory import is_out_of_memory, set_trim_threshold
from whisper_appliance.engines.whisper.window_decoder import decode_windows


class OnnxEngine:
    """A loaded model; calls from several threads run side by side, one core each."""

    name = "onnxruntime"
    device = "cpu"
    compute_type = "int8"

    def __init__(self, spec: EngineSpec, warnings: tuple[str, ...] = ()) -> None:
        """Loads the model. Raises `ModelUnavailable` where its files cannot be used, `MemoryError`."""
        import onnxruntime

        from whisper_appliance.engines.onnx.model import OnnxModel

        self.version, self.warnings = onnxruntime.__version__, (*warnings, *_not_followed(spec))
        set_trim_threshold()
        try:
            self._model = OnnxModel(spec.path)
        except Exception as error:  # ONNX Runtime's and the tokenizer's have no nearer ancestor
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            raise ModelUnavailable(f"The model {spec.model} could not be loaded: {error}") from error
        self.multilingual = self._model.multilingual

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """Hears each window; see `speech.engine.Engine`."""
        try:
            return decode_windows(self._model, windows)
        except ValueError as error:
            raise EngineFailed(f"The model could not work on this audio: {error}") from error


def _not_followed(spec: EngineSpec) -> Iterator[str]:
    """What was wished for, of this engine by name, that it does not do."""
    if spec.device == "cuda":
        yield "ONNX Runtime works on the CPU here; WHISPER_ENGINE=faster-whisper works on CUDA."
    if spec.compute_type not in ("auto", "int8"):
        yield f"ONNX Runtime computes in int8, not in {spec.compute_type}."
