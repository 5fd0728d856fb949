"""What can be said of graphics cards without one: where cuBLAS is found, what is told where CUDA is not."""

import subprocess
import sys
from pathlib import Path

import ctranslate2
import pytest

from whisper_appliance.engines.contract import EngineSpec
from whisper_appliance.engines.faster_whisper import cuda
from whisper_appliance.engines.faster_whisper.engine import FasterWhisperEngine
from whisper_appliance.engines.registry import load_engine

PROGRAM = (
    "from whisper_appliance.engines.faster_whisper import cuda\n"
    "cuda.load_cublas()\n"
    "print(open('/proc/self/maps').read())"
)


def maps(*folders: Path) -> str:
    """What a process has loaded, once it has been brought cuBLAS; `folders` are searched for packages."""
    command = [sys.executable, "-c", f"import sys; sys.path += {[str(one) for one in folders]}\n{PROGRAM}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_libraries_of_the_extra_are_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "nvidia/cublas/lib"
    folder.mkdir(parents=True)
    some_library = next(Path(ctranslate2.__file__).parent.with_suffix(".libs").glob("libgomp*"))
    for name in ("libcublasLt.so.12", "libcublas.so.12"):
        (folder / name).write_bytes(some_library.read_bytes())
    loaded = maps(tmp_path)
    assert str(folder / "libcublasLt.so.12") in loaded
    assert str(folder / "libcublas.so.12") in loaded


def test_cublas_is_not_loaded_without_the_extra() -> None:
    assert "cublas" not in maps()


@pytest.mark.parametrize(("device", "notices"), [("auto", (cuda.NO_CUDA,)), ("cpu", ())])
def test_a_gpu_that_cuda_does_not_find_is_reported(
    tiny_en: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, notices: tuple[str, ...]
) -> None:
    monkeypatch.setattr(cuda, "CARD", tmp_path)
    monkeypatch.setattr(cuda, "_has_driver", lambda: True)
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    spec = EngineSpec("faster-whisper", "tiny.en", tiny_en, device=device)
    engine = FasterWhisperEngine(spec)
    assert (engine.device, engine.warnings) == ("cpu", notices)


@pytest.mark.skipif(cuda.CARD.exists(), reason="there is a card that may well be used")
def test_a_card_that_cannot_be_used_leaves_the_work_to_the_quickest_on_the_cpu(
    tiny_en: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "_has_driver", lambda: True)
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)  # this machine has none that works
    engine = load_engine(EngineSpec("auto", "tiny.en", tiny_en))
    assert (engine.name, engine.device) == ("onnxruntime", "cpu")
    (notice,) = engine.warnings
    assert "GPU cannot be used" in notice
