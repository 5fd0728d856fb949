"""Channels: mixes the channels of a frame, unless they cancel each other out, or takes one of them."""

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from whisper_appliance.core.samples import Samples

CANCELLED_SHARE = 0.1
"""Channels cancel out if their mix has less than this share of the power of the strongest of them."""


class ChannelMixer:
    """Makes mono of the frames of one format. A mix much weaker than its channels is not used."""

    def __init__(self, channel: int | None = None) -> None:
        """`channel`: only this one, from 0; silence if there are fewer."""
        self._channel = channel
        self._to_float = AudioResampler("flt")
        self._to_mono = AudioResampler("flt", "mono")

    def mix(self, frame: AudioFrame) -> AudioFrame:
        """The frame in mono: its mix, or the strongest channel where the channels cancel each other out."""
        if frame.layout.nb_channels == 1 and not self._channel:
            return frame
        samples = _samples(self._to_float, frame)
        if self._channel is None:
            chosen = self._loudest(frame, samples)
        elif self._channel < len(samples):
            chosen = samples[self._channel]
        else:
            chosen = np.zeros(frame.samples, np.float32)
        mono = AudioFrame.from_ndarray(np.ascontiguousarray(chosen[None, :]), "fltp", "mono")
        mono.sample_rate = frame.sample_rate
        return mono

    def _loudest(self, frame: AudioFrame, samples: Samples) -> Samples:
        mixed = (
            (samples[0] + samples[1]) * np.float32(0.5)
            if len(samples) == 2
            else _samples(self._to_mono, frame)[0]
        )
        power = np.array([channel @ channel for channel in samples])
        if mixed @ mixed < CANCELLED_SHARE * power.max():
            mixed = samples[int(power.argmax())]
        return np.asarray(mixed, np.float32)


def _samples(resampler: AudioResampler, frame: AudioFrame) -> Samples:
    (converted,) = resampler.resample(frame)
    packed = np.asarray(converted.to_ndarray(), np.float32)  # PyAV crashes on planes of eight channels
    return np.ascontiguousarray(packed.reshape(-1, converted.layout.nb_channels).T)
