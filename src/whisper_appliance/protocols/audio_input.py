"""Audio input: base64 of PCM16 or G.711 (ITU-T G.711), decoded and resampled to 16 kHz."""

import base64
import binascii
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import InvalidRequest, TooLarge

MAX_APPEND_BYTES = 15 * 2**20
G711_RATE = 8000
TAPS_A_SIDE = 24
"""Zero crossings of the sinc on either side: 60 dB of attenuation with a Kaiser window."""
KAISER_BETA = 6.0
Pcm = npt.NDArray[np.int16]


def decoded_base64(audio: object) -> bytes:
    """The bytes of `audio`. Raises `InvalidRequest`, and `TooLarge` above `MAX_APPEND_BYTES`."""
    if not isinstance(audio, str):
        raise InvalidRequest("audio must be a string of base64.", field="audio")
    if len(audio) > (MAX_APPEND_BYTES + 2) // 3 * 4:
        raise TooLarge(
            "The audio of one event is too large. The limit is {max_bytes} bytes.",
            max_bytes=MAX_APPEND_BYTES,
            field="audio",
        )
    try:
        return base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("audio is not valid base64.", field="audio") from None


class AudioDecoder:
    """Turns the bytes of one format into 16 kHz PCM16; half a sample waits for the next bytes."""

    def __init__(self, format_type: str, rate: int) -> None:
        """`format_type` is `audio/pcm`, `audio/pcmu` or `audio/pcma`; G.711 has 8000 samples a second."""
        self._law = {"audio/pcmu": _mu_law(), "audio/pcma": _a_law()}.get(format_type)
        self._resampler = StreamResampler(G711_RATE if self._law is not None else rate)
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The next samples as s16le."""
        if self._law is not None:
            samples = self._law[np.frombuffer(data, np.uint8)]
        else:
            data = self._rest + data
            whole = len(data) - len(data) % 2
            self._rest = data[whole:]
            samples = np.frombuffer(data[:whole], "<i2").astype(np.int16)
        return self._resampler.feed(samples).astype("<i2").tobytes()

    def finish(self) -> bytes:
        """The samples that the resampler still holds; the next bytes begin anew."""
        self._rest = b""
        return self._resampler.finish().astype("<i2").tobytes()


class StreamResampler:
    """Resamples a stream to 16 kHz by a polyphase filter with a windowed sinc."""

    def __init__(self, rate: int) -> None:
        divisor = int(np.gcd(rate, SAMPLE_RATE))
        self._up, self._down = SAMPLE_RATE // divisor, rate // divisor
        self._bank = _filter_bank(self._up, self._down)
        self._input = np.empty(0, np.float32)
        self._phase = 0
        self._reset()

    def feed(self, samples: Pcm) -> Pcm:
        """The output for these samples, delayed by half the length of the filter."""
        if self._up == self._down:
            return samples
        self._input = np.concatenate([self._input, samples.astype(np.float32)])
        taps = self._bank.shape[1]
        # Output n is made from input samples that end at n * down / up + half the filter.
        available = len(self._input) - taps
        count = max(0, (available * self._up - self._phase) // self._down + 1) if available >= 0 else 0
        positions = self._phase + np.arange(count) * self._down
        output = np.empty(count, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._input, taps) if count else None
        for phase in range(self._up if windows is not None else 0):
            chosen = positions % self._up == phase
            output[chosen] = windows[positions[chosen] // self._up] @ self._bank[phase]  # type: ignore[index]
        following = self._phase + count * self._down
        consumed = min(following // self._up, len(self._input))
        self._input = self._input[consumed:]
        self._phase = following - consumed * self._up
        return np.clip(np.rint(output), -32768, 32767).astype(np.int16)

    def finish(self) -> Pcm:
        """The last samples of the stream; another one may follow."""
        if self._up == self._down:
            return np.empty(0, np.int16)
        last = self.feed(np.zeros(self._bank.shape[1] // 2, np.int16))
        self._reset()
        return last

    def _reset(self) -> None:
        self._input = np.zeros(self._bank.shape[1] // 2 - 1, np.float32)
        self._phase = 0


def packets(pcm: bytes, packet_bytes: int) -> Iterator[bytes]:
    """`pcm` in packets of whole samples."""
    size = packet_bytes - packet_bytes % 2
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def _filter_bank(up: int, down: int) -> npt.NDArray[np.float32]:
    """One row of taps for each phase; each row sums to 1, so that constant input stays constant."""
    cutoff = min(1.0, up / down)
    half = int(np.ceil(TAPS_A_SIDE / cutoff))
    offsets = np.arange(-half, half)[None, :] + 1 - np.arange(up)[:, None] / up
    window = np.i0(KAISER_BETA * np.sqrt(np.maximum(0, 1 - (offsets / half) ** 2))) / np.i0(KAISER_BETA)
    taps = np.sinc(offsets * cutoff) * window
    bank: npt.NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return bank


def _mu_law() -> Pcm:
    """The sample of each byte of G.711 μ-law."""
    inverted = ~np.arange(256, dtype=np.uint8)
    mantissa = (inverted & 0x0F).astype(np.int32)
    exponent = ((inverted >> 4) & 7).astype(np.int32)
    magnitude = ((mantissa << 3) + 0x84 << exponent) - 0x84
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_law() -> Pcm:
    """The sample of each byte of G.711 A-law."""
    toggled = np.arange(256, dtype=np.uint8) ^ 0x55
    mantissa = (toggled & 0x0F).astype(np.int32)
    exponent = ((toggled >> 4) & 7).astype(np.int32)
    large = (mantissa << 4) + 0x108 << np.maximum(exponent - 1, 0)
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, large)
    return np.where(toggled & 0x80, magnitude, -magnitude).astype(np.int16)
