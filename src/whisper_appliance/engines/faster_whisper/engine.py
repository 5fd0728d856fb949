"""The engine "faster-whisper": Whisper on CTranslate2, on CUDA or the CPU, in several number formats."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.engines.contract import SPARE_WORKERS, EngineSpec, Window, WindowResult
from whisper_appliance.engines.faster_whisper.ct2_model import CT2Model
from whisper_appliance.engines.faster_whisper.cuda import has_cuda, load_cublas, unusable_card
from whisper_appliance.engines.whisper.window_decoder import decode_windows

if TYPE_CHECKING:
    from faster_whisper import WhisperModel


class FasterWhisperEngine:
    """A loaded CTranslate2 model; calls from several threads run in parallel, one core each on the CPU."""

    name = "faster-whisper"

    def __init__(self, spec: EngineSpec) -> None:
        """Loads the model. Raises `ModelUnavailable` if its files cannot be used."""
        import faster_whisper

        self.version = faster_whisper.__version__
        model, self.device, self.compute_type, self.warnings = _load(spec)
        self._model = CT2Model(model)
        self.multilingual = self._model.multilingual

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """See `engines.contract.Engine`."""
        try:
            return decode_windows(self._model, windows)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineFailed("The model could not work on this audio: {error}", error=error) from error


def _load(spec: EngineSpec) -> "tuple[WhisperModel, str, str, tuple[str, ...]]":
    try:
        if has_cuda(spec.device):
            load_cublas()
            try:
                model, compute_type = _open(spec, "cuda")
                _try_out(model)
            except (RuntimeError, ValueError) as error:
                model, compute_type = _open(spec, "cpu")
                return model, "cpu", compute_type, (f"The GPU cannot be used ({error}); working on the CPU.",)
            return model, "cuda", compute_type, ()
        model, compute_type = _open(spec, "cpu")
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelUnavailable(
            "The model {model} could not be loaded: {error}", model=spec.model, error=error
        ) from error
    return model, "cpu", compute_type, unusable_card(spec.device)


def _open(spec: EngineSpec, device: str) -> "tuple[WhisperModel, str]":
    from faster_whisper import WhisperModel

    compute_type = spec.compute_type
    if compute_type == "auto":
        compute_type = "int8" if device == "cpu" else "float16"
    model = WhisperModel(
        str(spec.path), device=device, compute_type=compute_type, local_files_only=True,
        cpu_threads=1, num_workers=spec.workers + SPARE_WORKERS,
    )  # fmt: skip
    return model, str(model.model.compute_type)


def _try_out(model: "WhisperModel") -> None:
    """Encodes a second of silence, because a missing cuDNN or cuBLAS shows only when something runs."""
    import ctranslate2

    silence = np.zeros((1, model.model.n_mels, 100), np.float32)
    model.model.encode(ctranslate2.StorageView.from_array(silence))
