"""The recording of a MediaRecorder (WebM with Opus, MP4 with AAC): spools its chunks and decodes them."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from whisper_appliance.audio.decoder_process import DecoderProcess
from whisper_appliance.core.samples import Samples
from whisper_appliance.live.recording import PCM_FILE, complete_header, pcm_samples, read_pcm
from whisper_appliance.live.spool import Spool, wav_header

MEMORY_BYTES = 2**29
CPU_SECONDS = 600
ORDINARY_SECONDS = 4 * 3600.0
SPARE_SECONDS = 3600.0
CONTAINERS: Mapping[str, str] = {"webm_opus": "webm", "mp4_aac": "mp4"}
"""Containers by live audio format."""
MESSAGES = {
    "undecodable": "The audio cannot be decoded. Send WebM with Opus, or fragmented MP4 with AAC.",
    "no_audio": "There is no audio in this recording.",
    "too_long": "The recording has reached the maximum length.",
    "disk_full": "The disk is full.",
}


class EncodedRecording:
    """Spools the chunks of one growing file, which a sandboxed process decodes at the same time.

    After a crash the spooled bytes are decoded again, to the same samples.
    """

    def __init__(self, folder: Path, container: str, *, max_seconds: float) -> None:
        """`container` is one of the values of `CONTAINERS`."""
        self.path = folder / PCM_FILE
        self.problem: str | None = None
        self.complete = False
        self._spool = Spool(folder / f"audio.{container}")
        self.path.write_bytes(wav_header())
        self._pcm = os.open(self.path, os.O_RDWR | os.O_APPEND)
        self._decoder: DecoderProcess | None = DecoderProcess(program="stream_decoder")
        order = {
            "memory_bytes": MEMORY_BYTES,
            "cpu_seconds": round(CPU_SECONDS * max(1.0, max_seconds / ORDINARY_SECONDS)),
            "wall_seconds": max_seconds + SPARE_SECONDS,
            "max_seconds": max_seconds,
            "container": container,
        }
        with self._spool.path.open("rb") as source:
            self._decoder.start_job(order, source.fileno(), self._pcm)

    @property
    def next_seq(self) -> int:
        """The number of the next packet."""
        return self._spool.next_seq

    @property
    def samples(self) -> int:
        """The number of samples decoded."""
        return pcm_samples(self._pcm)

    def append(self, seq: int, data: bytes) -> bool:
        """See `Spool.append`."""
        appended = self._spool.append(seq, data)
        self._notify(b"more")
        return appended

    def read(self, start: int, stop: int) -> Samples:
        """Samples `start` to before `stop`."""
        return read_pcm(self._pcm, start, stop)

    def finish(self) -> None:
        """Takes no more packets; the decoder finishes what was spooled."""
        self._spool.seal()
        self._notify(b"end")

    def poll(self) -> None:
        """Checks whether the decoder has ended, and with which verdict."""
        while self._decoder:
            try:
                message = self._decoder.receive(0)
            except EOFError:
                message = {"kind": "ended", "verdict": "undecodable"}
            if message is None:
                return
            if message["kind"] == "ended":
                self._end(str(message["verdict"]))

    def sync(self) -> None:
        """See `Spool.sync`."""
        self._spool.sync()

    def close(self) -> None:
        """Ends the decoder and closes the files."""
        if self._decoder:
            self._decoder.terminate()
            self._decoder = None
        self._spool.close()
        os.close(self._pcm)

    def _notify(self, message: bytes) -> None:
        # A full socket needs no further message; `poll` finds a decoder that has died.
        if self._decoder:
            with suppress(OSError):
                self._decoder.send(message)

    def _end(self, verdict: str) -> None:
        assert self._decoder is not None  # noqa: S101 - checked by the caller
        self._decoder.terminate()
        self._decoder = None
        if verdict != "done":
            self.problem = MESSAGES.get(verdict, "The decoder exceeded its limit of time or memory.")
        complete_header(self.path, self.samples)
        self.complete = True
