"""cuBLAS from the extra `cuda`: found where the system's linker does not look. No card is needed for that."""

import subprocess
import sys
from pathlib import Path

import ctranslate2

PROGRAM = (
    "from whisper_appliance.speech.engines import faster_whisper\n"
    "faster_whisper._bring_cublas()\n"
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


def test_without_the_extra_nothing_happens() -> None:
    assert "cublas" not in maps()
