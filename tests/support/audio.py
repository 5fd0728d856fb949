"""Makes the files that the decoder's tests read: real containers from real speech, and some that lie."""

import struct
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.stream import Disposition

from whisper_appliance.core.samples import Samples


def encode(
    source: Path,
    target: Path,
    codec: str,
    *,
    rate: int = 16_000,
    layout: str = "mono",
    container: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """The speech of `source` in another container and codec."""
    with (
        av.open(str(source)) as speech,
        av.open(str(target), "w", format=container, options=options or {}) as out,
    ):
        stream = out.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        if codec.startswith("wma"):
            stream.codec_context.bit_rate = 128_000  # it has no default
        stream.codec_context.options = {"strict": "experimental"}  # FFmpeg calls its own Vorbis so
        stream.codec_context.open()
        resampler = av.AudioResampler(
            stream.format.name, layout, int(stream.rate), frame_size=stream.codec_context.frame_size or 1024
        )
        for frame in [*speech.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return target


def tone(seconds: float, rate: int = 16_000) -> Iterator[AudioFrame]:
    """A quiet 440 Hz tone in frames of 20 ms, stamped."""
    step = rate // 50
    for index in range(round(seconds * 50)):
        times = np.arange(index * step, (index + 1) * step) / rate
        samples = (3000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, index * step, Fraction(1, rate)
        yield frame


def wav(target: Path, seconds: float, *, rate: int = 16_000, channels: int = 1) -> Path:
    """A WAV of silence; a sparse file, so hours of it cost nothing."""
    size = round(seconds * rate) * channels * 2
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    header = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVE" + form + struct.pack("<4sI", b"data", size)
    with target.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)
    return target


def video(source: Path, target: Path, video_codec: str, audio_codec: str, *, rate: int = 48_000) -> Path:
    """A film of grey pictures with the speech of `source` under it."""
    with av.open(str(source)) as speech, av.open(str(target), "w") as out:
        pictures = out.add_stream(video_codec, rate=10)
        assert isinstance(pictures, av.VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        sound = out.add_stream(audio_codec, rate=rate, layout="mono")
        assert isinstance(sound, av.AudioStream)
        sound.codec_context.open()
        resampler = av.AudioResampler(
            sound.format.name, "mono", rate, frame_size=sound.codec_context.frame_size
        )
        for frame in [*speech.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                out.mux(sound.encode(piece))
        for index in range(20):
            picture = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
            picture.pts = index
            out.mux(pictures.encode(picture))
        out.mux(sound.encode(None))
        out.mux(pictures.encode(None))
    return target


def samples_of(path: Path, start: float = 0.0, stop: float = 30.0) -> Samples:
    """The samples of a WAV between two seconds of it, at 16 kHz."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    times = np.arange(round(len(sound) / rate * 16_000)) / 16_000
    return np.interp(times, np.arange(len(sound)) / rate, sound).astype(np.float32)[
        round(start * 16_000) : round(stop * 16_000)
    ]


def write_samples(
    target: Path, samples: Samples, codec: str, layout: str = "mono", container: str = "wav"
) -> Path:
    """Float samples, shaped channels by time at 16 kHz, in a codec of that precision."""
    with av.open(str(target), "w", format=container) as out:
        stream = out.add_stream(codec, rate=16_000, layout=layout)
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.open()
        packed = np.ascontiguousarray(samples.T.reshape(1, -1), np.float32)
        frame = av.AudioFrame.from_ndarray(packed, "flt", layout)
        frame.sample_rate = 16_000
        resampler = av.AudioResampler(
            stream.format.name, layout, 16_000, frame_size=stream.codec_context.frame_size or 1024
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return target


def two_tracks(target: Path, beckett: Path, default: int) -> Path:
    """A Matroska file with a silent first and a spoken second track; one of them is the default."""
    with av.open(str(target), "w", format="matroska") as out, av.open(str(beckett)) as source:
        streams = [out.add_stream("flac", rate=16_000, layout="mono") for _ in range(2)]
        for number, (stream, language) in enumerate(zip(streams, ("deu", "eng"), strict=True), 1):
            assert isinstance(stream, av.AudioStream)
            stream.metadata["language"] = language
            stream.disposition = Disposition.default if number == default else Disposition(0)
            stream.codec_context.open()
        resampler = av.AudioResampler("s16", "mono", 16_000, frame_size=streams[0].codec_context.frame_size)
        for frame in [*source.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                silent = av.AudioFrame.from_ndarray(np.zeros((1, piece.samples), np.int16), "s16", "mono")
                silent.sample_rate, silent.pts, silent.time_base = 16_000, piece.pts, piece.time_base
                out.mux(streams[0].encode(silent))
                out.mux(streams[1].encode(piece))
        for stream in streams:
            out.mux(stream.encode(None))
    return target
