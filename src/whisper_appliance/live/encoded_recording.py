"""A recording of a browser's MediaRecorder: its chunks are one growing file to one demuxer."""

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
"""By the format that a client names."""
WORDS = {
    "undecodable": "This is not what a browser records: WebM with Opus, or fragmented MP4 with AAC.",
    "no_audio": "There is no audio in this recording.",
    "too_long": "The recording has reached the longest time allowed.",
    "disk_full": "The disk is full.",
}


class EncodedRecording:
    """The chunks are spooled as they come; a sandboxed process decodes them beside, from the first one on.

    After a crash the spooled bytes are decoded once more, to the same samples.
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
            self._decoder.order(order, source.fileno(), self._pcm)

    @property
    def next_seq(self) -> int:
        """The number of the packet that is wanted next."""
        return self._spool.next_seq

    @property
    def samples(self) -> int:
        """How many have been decoded."""
        return pcm_samples(self._pcm)

    def append(self, seq: int, data: bytes) -> bool:
        """See `Spool.append`."""
        taken = self._spool.append(seq, data)
        self._tell(b"more")
        return taken

    def read(self, start: int, stop: int) -> Samples:
        """Samples `start` to before `stop`."""
        return read_pcm(self._pcm, start, stop)

    def finish(self) -> None:
        """Nothing more comes; what is there is decoded to its end."""
        self._spool.seal()
        self._tell(b"end")

    def look(self) -> None:
        """Hears whether the decoder has ended, and how."""
        while self._decoder:
            try:
                message = self._decoder.message(0)
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
        """Ends the decoder and lets go of the files."""
        if self._decoder:
            self._decoder.end()
            self._decoder = None
        self._spool.close()
        os.close(self._pcm)

    def _tell(self, what: bytes) -> None:
        # Where many words wait unread, the decoder will look anyway; one that is gone is noticed by `look`.
        if self._decoder:
            with suppress(OSError):
                self._decoder.tell(what)

    def _end(self, verdict: str) -> None:
        assert self._decoder is not None  # noqa: S101 - the caller has looked
        self._decoder.end()
        self._decoder = None
        if verdict != "done":
            self.problem = WORDS.get(verdict, "The decoder used more time or memory than it may.")
        complete_header(self.path, self.samples)
        self.complete = True
