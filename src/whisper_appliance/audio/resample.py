"""Resampling: audio frames of any rate and format become 16 kHz mono (in the decoder process)."""

import errno
import os
from typing import Literal

from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from whisper_appliance.audio.channels import ChannelMixer
from whisper_appliance.core.audio_format import SAMPLE_RATE

SAMPLE_BYTES = {"flt": 4, "s16": 2}
SampleFormat = Literal["flt", "s16"]
SOURCE_RATES = range(4_000, 384_001)
MAX_CHANNELS = 8
# Resampling half a second at a time costs half of what resampling 20 ms frames one by one does.
BATCH_SECONDS = 0.5
# A gap between timestamps is filled with silence, so that times stay those of the file; smaller ones are
# rounding, larger ones come from a changed clock.
MIN_GAP_SECONDS, MAX_GAP_SECONDS = 0.2, 600.0


class UnsupportedSource(Exception):
    """The source cannot be decoded, or no further; `code` is the verdict for the parent."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def check_source(rate: int, channels: int) -> None:
    """Rejects unusual rates and channel counts: one second at 1 Hz would become 16,000 samples."""
    if rate not in SOURCE_RATES:
        raise UnsupportedSource("rate")
    if channels > MAX_CHANNELS:
        raise UnsupportedSource("channels")
    if channels < 1:
        raise UnsupportedSource("undecodable")


class Resampler:
    """Resamples frames and writes them to `target`, at most `max_seconds` in all."""

    def __init__(
        self,
        target: int,
        max_seconds: float,
        *,
        batch_seconds: float = BATCH_SECONDS,
        sample_format: SampleFormat = "flt",
        channel: int | None = None,
    ) -> None:
        """`channel`: only this one, from 0, which is silent where there are fewer; `None` takes all."""
        self._target = target
        self._max_samples = round(max_seconds * SAMPLE_RATE)
        self._batch_seconds = batch_seconds
        self._kind: tuple[str, int, str] | None = None
        self._fifo = AudioFifo()
        self._sample_format = sample_format
        self._bytes_a_sample = SAMPLE_BYTES[sample_format]
        self._channel = channel
        self._mixer = ChannelMixer(channel)
        self._resampler = AudioResampler(sample_format, "mono", SAMPLE_RATE)
        self._batch = 0
        self.samples = 0

    @property
    def seconds(self) -> float:
        """Seconds of audio so far, including frames not yet resampled."""
        waiting = self._fifo.samples / self._kind[1] if self._kind else 0.0
        return self.samples / SAMPLE_RATE + waiting

    def feed(self, frame: AudioFrame, at_seconds: float | None) -> None:
        """Adds a frame; `at_seconds` is its time in the file, or None."""
        kind = (frame.format.name, frame.sample_rate, frame.layout.name)
        if kind != self._kind:
            self.finish()
            check_source(frame.sample_rate, frame.layout.nb_channels)
            self._kind = kind
            self._batch = round(frame.sample_rate * self._batch_seconds)
        if at_seconds is not None:
            self._keep_time(at_seconds)
        frame.pts = None  # the fifo insists on gapless time otherwise
        self._fifo.write(frame)
        if self._fifo.samples >= self._batch:
            self._resample()

    def finish(self) -> None:
        """Flushes the resampler; frames of another format may follow."""
        self._resample()
        for frame in self._resampler.resample(None) if self._kind else ():
            self._write(frame)
        self._kind = None
        self._fifo = AudioFifo()
        self._mixer = ChannelMixer(self._channel)
        self._resampler = AudioResampler(self._sample_format, "mono", SAMPLE_RATE)

    def _keep_time(self, at_seconds: float) -> None:
        gap = at_seconds - self.seconds
        if not MIN_GAP_SECONDS <= gap <= MAX_GAP_SECONDS:
            return
        self._resample()
        self._append(memoryview(bytes(round(gap * SAMPLE_RATE) * self._bytes_a_sample)))

    def _resample(self) -> None:
        batch = self._fifo.read() if self._kind else None
        if batch is not None:
            for frame in self._resampler.resample(self._mixer.mix(batch)):
                self._write(frame)

    def _write(self, frame: AudioFrame) -> None:
        self._append(memoryview(frame.planes[0])[: frame.samples * self._bytes_a_sample])

    def _append(self, pcm: memoryview) -> None:
        room = self._max_samples - self.samples
        whole = pcm[: room * self._bytes_a_sample]
        written = 0
        try:
            while written < len(whole):
                written += os.write(self._target, whole[written:])
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise UnsupportedSource("disk_full" if full else "limit") from error
        self.samples += len(whole) // self._bytes_a_sample
        if len(whole) < len(pcm):
            raise UnsupportedSource("too_long")
