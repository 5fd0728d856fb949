"""Log-mel spectrogram: the input of Whisper's encoder, as in openai/whisper, `audio.py`.

Equal to faster-whisper's `FeatureExtractor` to the bit, because steps and precision are the same.
"""

import math

import numpy as np
import numpy.typing as npt

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples

FRAMES_PER_SECOND = 100
MAX_FRAMES = 3000
"""30 s: the encoder has no more positions."""

_FFT_SAMPLES = 400
_HOP_SAMPLES = SAMPLE_RATE // FRAMES_PER_SECOND
_HIGHEST_MEL = 45.245640471924965  # 8 kHz
_MEL_HZ = 200.0 / 3
_LOG_FROM_HZ = 1000.0
_LOG_STEP = math.log(6.4) / 27.0

Spectrogram = npt.NDArray[np.float32]
"""(mels, frames); two frames make one position of the encoder."""


class LogMel:
    """Computes spectrograms of `mels` bands. One instance may be used by several threads."""

    def __init__(self, mels: int) -> None:
        self._filters = mel_filters(mels)
        self._window = np.hanning(_FFT_SAMPLES + 1)[:-1].astype(np.float32)

    def __call__(self, samples: Samples, seconds: float = 0.0) -> Spectrogram:
        """The spectrogram of the samples, padded with zeros to `seconds`; at most 30 s, even frames."""
        half = _FFT_SAMPLES // 2
        zeros = max(round(seconds * SAMPLE_RATE) - len(samples), 0) + _HOP_SAMPLES
        padded = np.pad(np.pad(samples.astype(np.float32, copy=False), (0, zeros)), half, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT_SAMPLES)[::_HOP_SAMPLES]
        spectrum = np.fft.rfft(frames * self._window, axis=-1).T.astype(np.complex64, copy=False)
        mels = self._filters @ np.abs(spectrum[:, :-1]) ** 2
        powers = np.log10(np.clip(mels, 1e-10, None))
        logs: Spectrogram = (np.maximum(powers, powers.max() - 8.0) + 4.0) / 4.0
        return logs[:, : min(logs.shape[-1] // 2 * 2, MAX_FRAMES)]


def mel_filters(mels: int) -> npt.NDArray[np.float32]:
    """Triangular filters (mels, frequencies) on Slaney's mel scale, each with the same energy."""
    scale = np.linspace(0.0, _HIGHEST_MEL, mels + 2)
    edges = _MEL_HZ * scale
    logarithmic = scale >= _LOG_FROM_HZ / _MEL_HZ
    edges[logarithmic] = _LOG_FROM_HZ * np.exp(_LOG_STEP * (scale[logarithmic] - _LOG_FROM_HZ / _MEL_HZ))
    ramps = edges.reshape(-1, 1) - np.fft.rfftfreq(_FFT_SAMPLES, 1.0 / SAMPLE_RATE).reshape(1, -1)
    widths = np.diff(edges)[:, np.newaxis]
    weights = np.maximum(0.0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    weights *= (2.0 / (edges[2:] - edges[:mels]))[:, np.newaxis]
    return weights.astype(np.float32)
