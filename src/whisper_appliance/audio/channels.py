"""Channels: mixes the channels of a frame, unless they cancel each other out, or takes one of them.

Without NumPy, whose import would take longer than the decoding of a short recording.
"""

from collections.abc import Iterable

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

CANCELLED_SHARE = 0.1
"""Channels cancel out if their mix has less than this share of the power of the strongest of them."""
POWER_STEP = 31
"""The power is that of every 31st sample, hundreds of a frame; the step is odd, so that few tones have the
same phase in all of them."""
_SAMPLE_BYTES = 4


class ChannelMixer:
    """Makes mono of the frames of one format. A mix much weaker than its channels is not used."""

    def __init__(self, channel: int | None = None) -> None:
        """`channel`: only this one, from 0; silence if there are fewer."""
        self._channel = channel
        self._to_float = AudioResampler("flt")
        self._to_mono = AudioResampler("flt", "mono")

    def mix(self, frame: AudioFrame) -> AudioFrame:
        """The frame in mono: its mix, or the strongest channel where the channels cancel each other out."""
        count = frame.layout.nb_channels
        if count == 1 and not self._channel:
            return frame
        packed = _samples(self._to_float, frame)
        if self._channel is None:
            mixed = _samples(self._to_mono, frame)
            powers = [_power(packed[channel :: count * POWER_STEP]) for channel in range(count)]
            strongest = max(powers)
            is_cancelled = _power(mixed[::POWER_STEP]) < CANCELLED_SHARE * strongest
            chosen = packed[powers.index(strongest) :: count] if is_cancelled else mixed
        elif self._channel < count:
            chosen = packed[self._channel :: count]
        else:
            chosen = memoryview(bytes(_SAMPLE_BYTES * frame.samples)).cast("f")
        mono = AudioFrame("flt", "mono", frame.samples)
        mono.planes[0].update(chosen.tobytes())
        mono.sample_rate = frame.sample_rate
        return mono


def _samples(resampler: AudioResampler, frame: AudioFrame) -> "memoryview[float]":
    """The samples of all channels, one after the other for each moment."""
    (converted,) = resampler.resample(frame)
    size = converted.samples * converted.layout.nb_channels * _SAMPLE_BYTES
    return memoryview(bytes(converted.planes[0])[:size]).cast("f")


def _power(samples: Iterable[float]) -> float:
    return sum(sample * sample for sample in samples)
