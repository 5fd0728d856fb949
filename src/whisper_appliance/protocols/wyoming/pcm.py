"""PCM of any rate, width and number of channels, converted to 16 kHz mono."""

from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.schema import Schema


class PcmFormat(Schema):
    """The format of samples: signed integers, little endian; those of one byte are unsigned, as in WAV."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    rate: int = Field(ge=4000, le=384_000)
    width: int = Field(ge=1, le=4)
    channels: int = Field(ge=1, le=8)


class PcmConverter:
    """Converts a stream of one format; an incomplete frame waits for the next bytes."""

    def __init__(self, pcm_format: PcmFormat) -> None:
        self.format = pcm_format
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The next samples as 16 kHz s16le."""
        data = self._rest + data
        whole = len(data) - len(data) % (self.format.width * self.format.channels)
        self._rest = data[whole:]
        samples = self._mono(np.frombuffer(data[:whole], np.uint8))
        if self.format.rate == SAMPLE_RATE:
            return samples.astype("<i2").tobytes()
        return self._resampled(samples) if len(samples) else b""

    def finish(self) -> bytes:
        """The samples that the resampler still holds. The stream is over."""
        return b"" if self.format.rate == SAMPLE_RATE else self._resampled(None)

    def _mono(self, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
        width, channels = self.format.width, self.format.channels
        if width == 1:
            samples = (data.astype(np.int16) - 128) * 256
        else:
            samples = np.ascontiguousarray(data.reshape(-1, width)[:, -2:]).view("<i2").ravel()
        if channels == 1:
            return samples.astype(np.int16)
        mixed: npt.NDArray[np.int16] = np.rint(samples.reshape(-1, channels).mean(axis=1)).astype(np.int16)
        return mixed

    @cached_property
    def _resampler(self):  # type: ignore[no-untyped-def] # the library is loaded for those who need it
        from av.audio.resampler import AudioResampler

        return AudioResampler("s16", "mono", SAMPLE_RATE)

    def _resampled(self, samples: npt.NDArray[np.int16] | None) -> bytes:
        from av import AudioFrame

        frame = None
        if samples is not None:
            frame = AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
            frame.sample_rate = self.format.rate
        ready = self._resampler.resample(frame)
        return b"".join(bytes(each.planes[0])[: each.samples * 2] for each in ready)
