"""ONNX Runtime: Whisper on a CPU, in 8-bit integers, from the same models as faster-whisper.

A step of its decoder takes a core about half the time of CTranslate2's: weights are packed once, not at every
step, and what was heard is read as 8-bit integers.
"""

from collections.abc import Sequence

from whisper_appliance.errors import EngineFailed, ModelUnavailable
from whisper_appliance.speech.engine import EngineSpec, Window, WindowResult
from whisper_appliance.speech.engines.hearing import hear
from whisper_appliance.speech.want_of_memory import keep_little


class OnnxEngine:
    """A loaded model; calls from several threads run side by side, one core each."""

    name = "onnxruntime"
    device = "cpu"
    compute_type = "int8"

    def __init__(self, spec: EngineSpec, warnings: tuple[str, ...] = ()) -> None:
        """Loads the model. Raises `ModelUnavailable` where its files cannot be used."""
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as raised

        from whisper_appliance.speech.engines.onnx_model import OnnxModel

        self.version, self.warnings = onnxruntime.__version__, warnings
        # Its exceptions have no common ancestor but Exception.
        self._failures = (
            raised.Fail, raised.RuntimeException, raised.InvalidArgument,
            RuntimeError, ValueError, MemoryError,
        )  # fmt: skip
        keep_little()
        try:
            self._model = OnnxModel(spec.path)
        except (*self._failures, OSError) as error:
            raise ModelUnavailable(f"The model {spec.model} could not be loaded: {error}") from error
        self.multilingual = self._model.multilingual

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """Hears each window; see `speech.engine.Engine`."""
        try:
            return hear(self._model, windows)
        except self._failures as error:
            raise EngineFailed(f"The model could not work on this audio: {error}") from error
