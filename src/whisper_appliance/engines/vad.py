"""Voice activity detection (VAD) with Silero: the probability of speech in each frame of 32 ms.

A frame has 512 samples at 16 kHz; the model carries its state from frame to frame.
"""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.core.samples import Samples

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FRAME = 512
CONTEXT = 64
FRAME_SECONDS = FRAME / SAMPLE_RATE
SPEECH_AT = 0.5
"""A frame begins speech at this probability; Silero's own threshold."""
SILENCE_BELOW = 0.35
"""Speech goes on until a frame is below this one (hysteresis)."""

# silero-vad itself requires PyTorch; faster-whisper brings the same weights as ONNX.
WEIGHTS_PACKAGE, WEIGHTS_FILE = "faster-whisper", "silero_vad*.onnx"

Probabilities = npt.NDArray[np.float32]
NO_PROBABILITIES: Probabilities = np.zeros(0, np.float32)


class FrameBuffer:
    """Cuts a stream of samples into whole frames; the remainder is kept for the next call."""

    def __init__(self) -> None:
        self._remainder = np.zeros(0, np.float32)

    def feed(self, samples: Samples) -> Samples:
        """All whole frames so far, possibly none."""
        samples = np.concatenate([self._remainder, samples])
        whole = len(samples) // FRAME * FRAME
        self._remainder = samples[whole:]
        return samples[:whole]


class Silero:
    """One stream through Silero VAD."""

    def __init__(self, session: "InferenceSession | None" = None) -> None:
        """`session` is the loaded ONNX model, which any number of streams may share."""
        self._session = session or load_silero()
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT, np.float32)
        self._buffer = FrameBuffer()

    def feed(self, samples: Samples) -> Probabilities:
        """One probability for each whole frame of 512 samples; a remainder waits for the next call."""
        samples = self._buffer.feed(samples)
        if not len(samples):
            return NO_PROBABILITIES
        samples = np.concatenate([self._context, samples])
        self._context = samples[-CONTEXT:]
        frames = np.lib.stride_tricks.sliding_window_view(samples, CONTEXT + FRAME)[::FRAME]
        probabilities, self._h, self._c = self._session.run(
            None, {"input": np.ascontiguousarray(frames), "h": self._h, "c": self._c}
        )
        return np.asarray(probabilities, np.float32).reshape(-1)


def load_silero() -> "InferenceSession":
    """The ONNX model, one thread. Raises `ModelUnavailable` if its file is not installed."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(silero_weights()), options, providers=["CPUExecutionProvider"])


def silero_weights(package: str = WEIGHTS_PACKAGE) -> Path:
    """The file of the weights, wherever the installed package has it. Raises `ModelUnavailable`."""
    try:
        for file in files(package) or ():
            if file.match(WEIGHTS_FILE):
                return Path(file.locate())
    except PackageNotFoundError:
        pass
    raise ModelUnavailable(
        "The weights of Silero VAD ({weights_file}) are not in the package {package}. "
        "Install it again: pip install --force-reinstall {package}",
        weights_file=WEIGHTS_FILE,
        package=package,
    )
