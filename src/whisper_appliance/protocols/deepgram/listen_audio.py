"""Audio of a Deepgram connection: decodes samples, Opus packets and WAV to 16 kHz PCM."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from whisper_appliance.core.audio_format import PCM_RATES, SAMPLE_RATE
from whisper_appliance.core.errors import InvalidRequest, TooLarge
from whisper_appliance.protocols.audio_input import AudioDecoder
from whisper_appliance.web.deepgram_format import G711_RATE, MAX_CHANNELS, ListenOptions

DECODER_FORMATS = {"linear16": "audio/pcm", "mulaw": "audio/pcmu", "alaw": "audio/pcma"}
OPUS = "opus"
MAX_OPUS_BYTES = 8 * 1024
"""Far above the largest packet of one or two channels (RFC 6716, section 3.4)."""
MAX_HEADER_BYTES = 4096
WAVE_ENCODINGS = {(1, 16): "linear16", (6, 8): "alaw", (7, 8): "mulaw"}
"""Encodings by the format tag and the bits a sample of a RIFF header."""
UNKNOWN_FORMAT = "Send WAV, WebM or MP4, or name the encoding: linear16, mulaw, alaw or opus."
RecorderFormat = Literal["webm_opus", "mp4_aac"]


class Decoder(Protocol):
    """Turns the bytes of a client into 16 kHz PCM16, one stream for each live session."""

    def feed(self, data: bytes) -> Sequence[bytes]: ...
    def finish(self) -> Sequence[bytes]: ...


class ChannelDecoder:
    """Decodes interleaved samples of one encoding; the channels stay separate or are mixed."""

    def __init__(self, encoding: str, rate: int, channels: int, *, separate: bool) -> None:
        self._sample_bytes = 2 if encoding == "linear16" else 1
        self._decoders = [AudioDecoder(DECODER_FORMATS[encoding], rate) for _ in range(channels)]
        self._separate = separate
        self._rest = b""

    def feed(self, data: bytes) -> Sequence[bytes]:
        """The next samples; an incomplete frame waits for the next bytes."""
        data = self._rest + data
        whole = len(data) - len(data) % (self._sample_bytes * len(self._decoders))
        self._rest = data[whole:]
        frames = np.frombuffer(data[:whole], f"V{self._sample_bytes}").reshape(-1, len(self._decoders))
        return self._mixed(
            [decoder.feed(frames[:, number].tobytes()) for number, decoder in enumerate(self._decoders)]
        )

    def finish(self) -> Sequence[bytes]:
        """The samples that the resamplers still hold."""
        return self._mixed([decoder.finish() for decoder in self._decoders])

    def _mixed(self, decoded: Sequence[bytes]) -> Sequence[bytes]:
        if self._separate or len(decoded) == 1:
            return decoded
        samples = np.stack([np.frombuffer(pcm, "<i2") for pcm in decoded]).astype(np.float32)
        return [np.rint(samples.mean(axis=0)).astype("<i2").tobytes()]


class OpusDecoder:
    """Decodes Opus packets, one for each message, to one channel."""

    def __init__(self) -> None:
        from av import AudioCodecContext, CodecContext
        from av.audio.resampler import AudioResampler

        codec = CodecContext.create("libopus", "r")
        assert isinstance(codec, AudioCodecContext)  # noqa: S101 - for the types
        codec.sample_rate, codec.layout = 48_000, "mono"
        self._codec = codec
        self._resampler = AudioResampler("s16", "mono", SAMPLE_RATE)

    def feed(self, data: bytes) -> Sequence[bytes]:
        """The samples of one packet. Raises `InvalidRequest`, and `TooLarge` for what is no packet."""
        import av

        if len(data) > MAX_OPUS_BYTES:
            raise TooLarge("Send one Opus packet with each message, without a container.")
        try:
            frames = self._codec.decode(av.Packet(data))
        except (av.FFmpegError, ValueError):
            raise InvalidRequest("This message is not an Opus packet.") from None
        for frame in frames:
            frame.pts = None
        ready = [each for frame in frames for each in self._resampler.resample(frame)]
        return [b"".join(bytes(each.planes[0])[: each.samples * 2] for each in ready)]

    def finish(self) -> Sequence[bytes]:
        """The samples that the resampler still holds."""
        ready = self._resampler.resample(None)
        return [b"".join(bytes(each.planes[0])[: each.samples * 2] for each in ready)]


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What the start of a stream without `encoding` is: a recorder's file, or WAV with this decoder.

    `skip` is the number of bytes before the audio; `streams` is how many the decoder has.
    """

    recorder: RecorderFormat | None = None
    decoder: Decoder | None = None
    skip: int = 0
    streams: int = 1


def named_decoder(options: ListenOptions) -> Decoder | None:
    """The decoder of the encoding that the options name, None without. Raises `InvalidRequest`."""
    if options.encoding is None:
        return None
    if options.encoding == OPUS:
        return OpusDecoder()
    if options.encoding not in DECODER_FORMATS:
        raise InvalidRequest(UNKNOWN_FORMAT, field="encoding")
    rate = options.rate_of(options.encoding)
    return ChannelDecoder(options.encoding, rate, options.channels, separate=options.multichannel)


def detected_format(head: bytes, *, separate: bool) -> StreamFormat | None:
    """The container that begins so; None until there are enough bytes. Raises `InvalidRequest`."""
    if len(head) < 12:
        return None
    if head.startswith(b"\x1aE\xdf\xa3"):
        return StreamFormat("webm_opus")
    if head[4:8] == b"ftyp":
        return StreamFormat("mp4_aac")
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return _wave(head, separate=separate)
    raise InvalidRequest(UNKNOWN_FORMAT, field="encoding")


def _wave(head: bytes, *, separate: bool) -> StreamFormat | None:
    """WAV: its chunks up to `data` (Multimedia Programming Interface 1.0, section 3)."""
    at, described = 12, b""
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        if name == b"data":
            return _wave_audio(described, skip=at + 8, separate=separate)
        if name == b"fmt ":
            described = head[at + 8 : at + 8 + 16]
        at += 8 + size + size % 2
    if len(head) > MAX_HEADER_BYTES or at > MAX_HEADER_BYTES:
        raise InvalidRequest(UNKNOWN_FORMAT, field="encoding")
    return None


def _wave_audio(described: bytes, *, skip: int, separate: bool) -> StreamFormat:
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", described.ljust(16, b"\0"))
    encoding = WAVE_ENCODINGS.get((tag, bits), "")
    rates = PCM_RATES if encoding == "linear16" else (G711_RATE,)
    if not encoding or rate not in rates or not 1 <= channels <= MAX_CHANNELS:
        raise InvalidRequest("Send WAV with 16 bit PCM at a usual sample rate.", field="encoding")
    decoder = ChannelDecoder(encoding, rate, channels, separate=separate)
    return StreamFormat(decoder=decoder, skip=skip, streams=channels if separate else 1)
