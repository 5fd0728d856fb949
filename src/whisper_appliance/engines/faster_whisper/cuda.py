"""CUDA: whether models run on an NVIDIA card, and the libraries that needs."""

import ctypes
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

CARD = Path("/dev/nvidia0")
NO_CUDA = (
    f"There is an NVIDIA card ({CARD}), but CUDA does not find it; is the driver's libcuda.so.1 here too? "
    "Working on the CPU."
)
# In the order of their dependencies: CTranslate2 opens the second by its bare name.
CUBLAS = ("libcublasLt.so.12", "libcublas.so.12")


def has_cuda(device: str) -> bool:
    """Whether models are to run on a graphics card."""
    if device == "auto" and _has_driver():
        import ctranslate2

        return bool(ctranslate2.get_cuda_device_count() > 0)
    return device == "cuda"


def unusable_card(device: str) -> tuple[str, ...]:
    """The notice for a machine with a card that CUDA does not find."""
    return (NO_CUDA,) if device == "auto" and CARD.exists() else ()


def load_cublas() -> None:
    """Loads cuBLAS from the extra `cuda`, because the system's linker does not search its folder."""
    with suppress(ImportError, OSError):  # without the extra, or if the system has cuBLAS
        package = find_spec("nvidia.cublas")
        for folder in package.submodule_search_locations or () if package else ():
            for library in CUBLAS:
                ctypes.CDLL(str(Path(folder) / "lib" / library), ctypes.RTLD_GLOBAL)


def _has_driver() -> bool:
    """Without the driver's library CUDA finds no card; CTranslate2 need not be imported to count them."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
