"""The models of community-1: from a folder, or from the package moonshine-voice, whose library carries them.

Authors: pyannote (segmentation) and WeSpeaker (embedding). Licence: CC BY 4.0.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from mmap import ACCESS_READ, mmap
from pathlib import Path

from whisper_appliance.core.errors import ModelUnavailable

PACKAGE = "moonshine_voice"
LIBRARY = "libmoonshine.so"
SYMBOL = "_ZN9cppannote19embedded_community1{length}{name}E"
SEGMENTATION, EMBEDDING = "segmentation_ort_data", "embedding_ort_data"
FILES = ("segmentation.onnx", "embedding.onnx")


@dataclass(frozen=True, slots=True)
class SpeakerModels:
    """Two models of ONNX Runtime.

    `segmentation`: waveforms (1, 1, 160000) to the activity of 3 local speakers (1, 589, 3).
    `embedding`: fbank (1, frames, 80) and weights (1, frames) to an embedding (1, 256).
    """

    segmentation: bytes
    embedding: bytes


def load_weights(folder: Path | None) -> SpeakerModels:
    """The models in a folder (`FILES`), or those of the package. Raises `ModelUnavailable`."""
    try:
        return SpeakerModels(*((folder / name).read_bytes() for name in FILES)) if folder else _of_package()
    except (OSError, ValueError) as error:
        raise ModelUnavailable("The model of speakers could not be loaded: {error}", error=error) from error


def packaged_library() -> Path | None:
    """The library that carries the models; `None` if the extra `diarization` is not installed."""
    found = find_spec(PACKAGE)
    for folder in (found.submodule_search_locations or []) if found else []:
        library = Path(folder) / LIBRARY
        if library.is_file() and _carries_models(library):
            return library
    return None


@cache
def _carries_models(library: Path) -> bool:
    """Whether this version of the package has them: newer ones do not. It is searched once: it is large."""
    with library.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(_symbol(EMBEDDING).encode()) >= 0


def _of_package() -> SpeakerModels:
    path = packaged_library()
    if path is None:
        raise ModelUnavailable("No model of speakers is installed.")
    library = ctypes.CDLL(str(path))

    def model(name: str) -> bytes:
        size = ctypes.c_size_t.in_dll(library, _symbol(f"{name}_size")).value
        return bytes((ctypes.c_char * size).in_dll(library, _symbol(name)))

    return SpeakerModels(model(SEGMENTATION), model(EMBEDDING))


def _symbol(name: str) -> str:
    return SYMBOL.format(length=len(name), name=name)
