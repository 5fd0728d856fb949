"""The encoder process: decodes one untrusted file and writes its sound as Opus in WebM, which browsers play.

It is started as `decoder_child` is, in the same sandbox, and sends `ready` and `ended`. Gaps between
timestamps are filled with silence, as they are for the transcript, so that its times are those of the copy.
"""

import io
import os
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from whisper_appliance.audio.decoder_child import (
    Damage,
    choose_audio,
    decode_files,
    name_of,
    open_source,
    run_once,
    warm_up,
)
from whisper_appliance.audio.joined_files import parts
from whisper_appliance.audio.resample import (
    MAX_GAP_SECONDS,
    MIN_GAP_SECONDS,
    UnsupportedSource,
    check_source,
)
from whisper_appliance.core import memory

OPUS_RATE = 48_000
BITS_A_CHANNEL = 32_000
"""Transparent for speech (RFC 6716, section 2.1.1)."""
COMPLEXITY = "5"
"""Of 10: twice as fast as the most, and no difference in speech at this bit rate."""


class OpusWriter:
    """Takes decoded frames in the place of `resample.Resampler`, and encodes them."""

    def __init__(self, target: io.RawIOBase | io.BufferedIOBase, channels: int, max_seconds: float) -> None:
        self._layout = "stereo" if channels > 1 else "mono"
        self._container = av.open(target, mode="w", format="webm")
        self._stream: AudioStream = self._container.add_stream("libopus", rate=OPUS_RATE, layout=self._layout)
        self._stream.bit_rate = BITS_A_CHANNEL * min(channels, 2)
        self._stream.codec_context.options = {"compression_level": COMPLEXITY}
        self._max_samples = round(max_seconds * OPUS_RATE)
        self._resampler = self._new_resampler()
        self._kind: tuple[str, int, str] | None = None
        self.samples = 0

    @property
    def seconds(self) -> float:
        """Seconds of audio so far."""
        return self.samples / OPUS_RATE

    def feed(self, frame: AudioFrame, at_seconds: float | None) -> None:
        """Adds a frame; `at_seconds` is its time in the file, or None."""
        kind = (frame.format.name, frame.sample_rate, frame.layout.name)
        if kind != self._kind:
            self.finish()
            check_source(frame.sample_rate, frame.layout.nb_channels)
            self._kind = kind
        if at_seconds is not None and MIN_GAP_SECONDS <= at_seconds - self.seconds <= MAX_GAP_SECONDS:
            self._write_silence(round((at_seconds - self.seconds) * OPUS_RATE))
        frame.pts = None
        for resampled in self._resampler.resample(frame):
            self._write(resampled)

    def finish(self) -> None:
        """Flushes the resampler; frames of another format may follow."""
        if self._kind:
            for frame in self._resampler.resample(None):
                self._write(frame)
        self._kind = None
        self._resampler = self._new_resampler()

    def close(self) -> None:
        """Writes the end of the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def _new_resampler(self) -> AudioResampler:
        return AudioResampler("s16", self._layout, OPUS_RATE)

    def _write_silence(self, samples: int) -> None:
        channels = 2 if self._layout == "stereo" else 1
        while samples > 0:
            part = min(samples, OPUS_RATE)
            zeros = np.zeros((1, part * channels), np.int16)
            frame = AudioFrame.from_ndarray(zeros, "s16", self._layout)
            frame.sample_rate = OPUS_RATE
            self._write(frame)
            samples -= part

    def _write(self, frame: AudioFrame) -> None:
        if self.samples + frame.samples > self._max_samples:
            raise UnsupportedSource("too_long")
        frame.pts, frame.time_base = self.samples, Fraction(1, OPUS_RATE)
        self.samples += frame.samples
        self._container.mux(self._stream.encode(frame))


def encode(job: dict[str, Any], source: int, target: int) -> str:
    """Encodes the chosen track; returns the verdict."""
    try:
        container, start = open_source(source, job.get("extension", ""))
        stream = choose_audio(container, job.get("track"))
        found = parts(source, name_of(container, source, start), start)
        writer: Any = OpusWriter(os.fdopen(os.dup(target), "wb"), stream.channels, job["max_seconds"])
        decode_files(source, container, stream, found, job.get("track"), writer, Damage())
        writer.close()
    except UnsupportedSource as unsupported:
        return unsupported.code
    except MemoryError:
        return "limit"
    except (av.FFmpegError, ValueError, OSError):
        return "undecodable"
    return "done" if writer.samples else "no_audio"


def main() -> None:
    """Encodes one file."""
    memory.limit_malloc_arenas(1)
    warm_up()
    OpusWriter(io.BytesIO(), 1, 1.0).close()
    run_once(encode, lambda job: round(job["max_seconds"] + 60) * BITS_A_CHANNEL // 2)
