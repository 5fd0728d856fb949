"""faster-whisper: Whisper on CTranslate2."""

import ctypes
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.engines.contract import SPARE_WORKERS, EngineSpec, Window, WindowResult
from whisper_appliance.engines.faster_whisper.ct2_model import CT2Model
from whisper_appliance.engines.whisper.window_decoder import decode_windows

if TYPE_CHECKING:
    from faster_whisper import WhisperModel


CARD = Path("/dev/nvidia0")
NO_CUDA = (
    f"There is an NVIDIA card ({CARD}), but CUDA does not find it; is the driver's libcuda.so.1 here too? "
    "Working on the CPU."
)
# In the order in which they need each other; CTranslate2 asks for the second by its bare name.
CUBLAS = ("libcublasLt.so.12", "libcublas.so.12")


class FasterWhisperEngine:
    """A loaded CTranslate2 model; calls from several threads run side by side, one core each on the CPU."""

    name = "faster-whisper"

    def __init__(self, spec: EngineSpec) -> None:
        """Loads the model. Raises `ModelUnavailable` where its files cannot be used."""
        import faster_whisper

        self.version = faster_whisper.__version__
        model, self.device, self.compute_type, self.warnings = _load(spec)
        self._model = CT2Model(model)
        self.multilingual = self._model.multilingual

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """Hears each window; see `speech.engine.Engine`."""
        try:
            return decode_windows(self._model, windows)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineFailed(f"The model could not work on this audio: {error}") from error


def _load(spec: EngineSpec) -> "tuple[WhisperModel, str, str, tuple[str, ...]]":
    import ctranslate2
    from faster_whisper import WhisperModel

    def open_on(device: str) -> "tuple[WhisperModel, str]":
        compute_type = spec.compute_type
        if compute_type == "auto":
            compute_type = "int8" if device == "cpu" else "float16"
        model = WhisperModel(str(spec.path), device=device, compute_type=compute_type, local_files_only=True,
                             cpu_threads=1, num_workers=spec.workers + SPARE_WORKERS)  # fmt: skip
        return model, str(model.model.compute_type)

    try:
        if has_cuda(spec.device):
            _bring_cublas()
            try:
                model, compute_type = open_on("cuda")
                # A missing cuDNN or cuBLAS shows only when something runs.
                model.model.encode(
                    ctranslate2.StorageView.from_array(np.zeros((1, model.model.n_mels, 100), np.float32))
                )
            except (RuntimeError, ValueError) as error:
                model, compute_type = open_on("cpu")
                return model, "cpu", compute_type, (f"The GPU cannot be used ({error}); working on the CPU.",)
            return model, "cuda", compute_type, ()
        model, compute_type = open_on("cpu")
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelUnavailable(f"The model {spec.model} could not be loaded: {error}") from error
    return model, "cpu", compute_type, no_cuda(spec.device)


def has_cuda(device: str) -> bool:
    """Whether models are to run on a graphics card."""
    import ctranslate2

    return device == "cuda" or (device == "auto" and ctranslate2.get_cuda_device_count() > 0)


def no_cuda(device: str) -> tuple[str, ...]:
    """What to say where there is a card that is not used."""
    return (NO_CUDA,) if device == "auto" and CARD.exists() else ()


def _bring_cublas() -> None:
    """Loads the cuBLAS of the extra `cuda`, which lies where the system's linker does not look."""
    with suppress(ImportError, OSError):  # without the extra, or what the system has is there already
        package = find_spec("nvidia.cublas")
        for folder in package.submodule_search_locations or () if package else ():
            for library in CUBLAS:
                ctypes.CDLL(str(Path(folder) / "lib" / library), ctypes.RTLD_GLOBAL)
