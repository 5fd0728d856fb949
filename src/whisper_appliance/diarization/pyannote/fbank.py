"""Log mel energies as Kaldi computes them (`compute-fbank-feats`), the input of WeSpeaker's models."""

from functools import cache

import numpy as np
import numpy.typing as npt

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples

FRAME_SAMPLES, SHIFT_SAMPLES, FFT_SIZE, MELS = 400, 160, 512, 80
LOWEST_HZ = 20.0
PREEMPHASIS = 0.97
INT16_SCALE = 32768.0


def fbank(samples: Samples) -> npt.NDArray[np.float32]:
    """Shape (frames, 80), a frame every 10 ms; `samples` holds one frame (25 ms) at least."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[::SHIFT_SAMPLES] * INT16_SCALE
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    windowed = (frames - PREEMPHASIS * before) * np.hamming(FRAME_SAMPLES)
    power = np.abs(np.fft.rfft(windowed, FFT_SIZE)) ** 2
    energies = power[:, :-1] @ _filters()
    return np.log(np.maximum(energies, np.finfo(np.float32).eps)).astype(np.float32)


@cache
def _filters() -> npt.NDArray[np.float64]:
    """Triangular filters, equally wide on the mel scale; shape (256, 80)."""
    edges = np.linspace(_mel(LOWEST_HZ), _mel(SAMPLE_RATE / 2), MELS + 2)
    bins = _mel(np.arange(FFT_SIZE // 2) * SAMPLE_RATE / FFT_SIZE)[:, None]
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    return np.maximum(0, np.minimum((bins - left) / (center - left), (right - bins) / (right - center)))


def _mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)
