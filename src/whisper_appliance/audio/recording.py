"""A recording being decoded: its samples are read in blocks while the decoder process still writes."""

import hashlib
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from io import BufferedReader
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from whisper_appliance.audio import decode_errors, peaks
from whisper_appliance.audio.browser_formats import Media
from whisper_appliance.audio.decoder_process import DecoderProcess
from whisper_appliance.audio.level import BLOCK_SECONDS, Level, measure
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ApplianceError, DecoderKilled, Unavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.transcript.model import Notice, Tracks

_BYTES_A_SAMPLE = 4
_LEVEL_SAMPLES = round(BLOCK_SECONDS * SAMPLE_RATE)
_SHORTEST_SAMPLES = SAMPLE_RATE // 10
_POLL_SECONDS = 0.02
_GRACE_SECONDS = 5.0
_ORDINARY_SECONDS = 4 * 3600.0
_WORKING_SHARE = 0.5
"""A decoder that had less of the processor than this share of its time was slowed down by the machine."""
_LIMIT_SIGNALS = (signal.SIGXCPU, signal.SIGALRM, signal.SIGXFSZ)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Limits of one decoder process. Time counts only while the decoder runs."""

    max_seconds: float = _ORDINARY_SECONDS
    memory_bytes: int = 2**30
    cpu_seconds: int = 60
    wall_seconds: float = 120

    def for_length(self) -> "DecodeLimits":
        """The same limits, with more time in proportion if `max_seconds` is over four hours."""
        longer = max(1.0, self.max_seconds / _ORDINARY_SECONDS)
        return replace(
            self, cpu_seconds=math.ceil(self.cpu_seconds * longer), wall_seconds=self.wall_seconds * longer
        )


@dataclass(frozen=True, slots=True)
class Sound:
    """Which sound of a file is decoded: a track, from 1, and a channel, from 0; `None`: the default, all.

    `extension` of the file's name is the hint for formats without a header.
    """

    track: int | None = None
    channel: int | None = None
    extension: str = ""


class Recording:
    """A file that `decode` has started to decode; a context manager, which removes everything on close.

    `blocks` may run in one thread while others `read` samples that it has passed.
    """

    def __init__(
        self, source: BufferedReader, pcm: BinaryIO, child: DecoderProcess, limits: DecodeLimits
    ) -> None:
        self._source = source
        self._pcm = pcm
        self._child: DecoderProcess | None = child
        self._exiting: DecoderProcess | None = None
        """A decoder that has done its work. Only `close` waits for its exit, which takes milliseconds."""
        self._limits = limits
        self._deadline = time.monotonic() + limits.wall_seconds + _GRACE_SECONDS
        self._lock = threading.Lock()
        self._started = False
        self._header: dict[str, Any] = {}
        self._samples: int | None = None
        self._levels: dict[int, Level] = {}
        self._corrected: tuple[int, Samples] | None = None
        """The last block whose correction needs all of it, because it is read in parts."""
        self._error: ApplianceError | None = None
        self._notices: tuple[Notice, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Terminates the decoder if it still runs, and frees the disk space."""
        with self._lock:
            for child in filter(None, (self._child, self._exiting)):
                child.terminate()
            self._child = self._exiting = None
            self._pcm.close()
            self._source.close()

    def blocks(self, seconds: float = 30.0) -> Iterator[Samples]:
        """All of it in order: float32 in [-1, 1], 1-D, `seconds` each, the last one shorter.

        Waits for the decoder. Raises `AudioError` if there is no audio or a limit is reached, even
        after blocks that were fine, and `DiskFull`.
        """
        size = max(1, round(seconds * SAMPLE_RATE))
        start = 0
        while (stop := min(start + size, self._wait_for(self._level_end(start + size)))) > start:
            yield self.read(start, stop)
            start = stop

    def read(self, start: int, stop: int) -> Samples:
        """Samples `start` to `stop`, as far as they are decoded, at their level; fewer at the end."""
        parts, at = [], start
        while at < stop:
            end = min(stop, self._level_end(at + 1))
            parts.append(self._read_block(at // _LEVEL_SAMPLES, at, end))
            at = end
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _level_end(self, sample: int) -> int:
        """The end of the level block that ends at or behind a sample."""
        return -(-sample // _LEVEL_SAMPLES) * _LEVEL_SAMPLES

    def _read_block(self, block: int, start: int, stop: int) -> Samples:
        """Samples of one level block, which is measured once, when all of it is decoded."""
        first = block * _LEVEL_SAMPLES
        if block not in self._levels:
            self._levels[block] = measure(self._read_raw(first, first + _LEVEL_SAMPLES))
        level = self._levels[block]
        if not level.is_hidden:
            return level.apply(self._read_raw(start, stop))
        corrected = self._corrected
        if corrected is None or corrected[0] != block:
            corrected = block, level.apply(self._read_raw(first, first + _LEVEL_SAMPLES))
            self._corrected = corrected
        return corrected[1][start - first : stop - first]

    def _read_raw(self, start: int, stop: int) -> Samples:
        span = os.pread(self._pcm.fileno(), max(0, stop - start) * _BYTES_A_SAMPLE, start * _BYTES_A_SAMPLE)
        whole = len(span) // _BYTES_A_SAMPLE * _BYTES_A_SAMPLE
        return np.frombuffer(span[:whole], dtype="<f4")

    @property
    def tracks(self) -> Tracks | None:
        """The track that was taken, of how many; `None` until the header is read."""
        self._poll_decoder(0)
        header = self._header
        if not header:
            return None
        return Tracks(header["track"], header["tracks"], header["track_language"], header["channels"])

    @property
    def media(self) -> Media | None:
        """What the file is; `None` until the header is read."""
        self._poll_decoder(0)
        header = self._header
        if not header:
            return None
        plain = header["track"] == 1 and header["is_plain"] and header["seconds"] is not None
        return Media(header["container"], header["codec"], header["video_codec"], plain)

    def waveform(self) -> bytes:
        """The peaks of all that is decoded (`audio.peaks`)."""
        return peaks.waveform(self.read, self._samples or 0)

    @property
    def seconds(self) -> float | None:
        """The exact length, `None` until decoded to the end."""
        self._poll_decoder(0)
        return None if self._samples is None else self._samples / SAMPLE_RATE

    @property
    def estimated_seconds(self) -> float | None:
        """The length in the header until decoded, exact afterwards; `None` if unknown."""
        return self.seconds if self.seconds is not None else self._header.get("seconds")

    def declared_seconds(self) -> float | None:
        """The length in the header, whatever is decoded yet; waits until the decoder has opened the file.

        `None` if the header holds none, or if the file cannot be opened, which `blocks` reports.
        """
        while self._child and not self._header:
            self._poll_decoder(_POLL_SECONDS)
        seconds: float | None = self._header.get("seconds")
        return seconds

    def header_seconds(self) -> float | None:
        """The length in the header, or the exact one where it is known; waits as `declared_seconds` does."""
        self.declared_seconds()
        return self.estimated_seconds

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Damage notices; complete once decoded to the end."""
        self._poll_decoder(0)
        return self._notices

    @cached_property
    def audio_sha256(self) -> str:
        """SHA-256 of the original file, for the provenance; takes a moment for large files."""
        self._source.seek(0)
        return hashlib.file_digest(self._source, "sha256").hexdigest()

    def _wait_for(self, stop: int) -> int:
        """Waits for `stop` samples or the end; returns how many there are."""
        while True:
            self._poll_decoder(0)
            if self._error:
                raise self._error
            there = os.fstat(self._pcm.fileno()).st_size // _BYTES_A_SAMPLE
            if there >= stop or self._samples is not None:
                return there
            self._poll_decoder(_POLL_SECONDS)

    def _poll_decoder(self, timeout_seconds: float) -> None:
        """Handles the messages that have come, and waits for the first one until the timeout.

        No message means that the decoder still works.
        """
        with self._lock:
            while self._child:
                try:
                    message = self._child.receive(timeout_seconds)
                except EOFError:
                    used = self._child.processor_seconds()
                    self._on_exit(self._child.wait(), used)
                    return
                if message is None:
                    break
                self._on_message(message)
                timeout_seconds = 0
            if self._child and time.monotonic() > self._deadline:
                used = self._child.processor_seconds()
                self._child.terminate()
                self._on_exit(-signal.SIGALRM, used)

    def _on_message(self, message: dict[str, Any]) -> None:
        if message["kind"] == "ready":
            self._started = True
        elif message["kind"] == "opened":
            self._header = message
        else:
            self._exiting, self._child = self._child, None
            self._check_result(message)

    def _check_result(self, ended: dict[str, Any]) -> None:
        if ended["verdict"] != "done":
            self._fail(ended["verdict"], ended["detail"])
        elif ended["samples"] * _BYTES_A_SAMPLE > os.fstat(self._pcm.fileno()).st_size:
            self._fail("undecodable")  # it has not written what it claims
        elif ended["samples"] == 0:
            self._fail("undecodable" if ended["lost_places"] else "no_audio")
        elif ended["samples"] < _SHORTEST_SAMPLES and not ended["cut_off"]:
            self._fail("no_audio")
        else:
            self._samples = ended["samples"]
            self._notices = decode_errors.damage_notices(self._header, ended)

    def _on_exit(self, returncode: int, processor_seconds: float) -> None:
        """Sets the error of a decoder that exited without `ended`."""
        self._child = None
        if returncode == -signal.SIGKILL:  # the limit of CPU time sends SIGXCPU
            self._error = DecoderKilled(decode_errors.KILLED)
        elif returncode == -signal.SIGALRM and processor_seconds < _WORKING_SHARE * self._limits.wall_seconds:
            self._error = Unavailable(decode_errors.TOO_SLOW)
        elif self._started:
            self._fail("limit" if -returncode in _LIMIT_SIGNALS else "undecodable")
        else:
            self._error = Unavailable(decode_errors.DOES_NOT_START)

    def _fail(self, verdict: str, detail: str = "") -> None:
        self._error = decode_errors.error_for_exit(verdict, detail, max_seconds=self._limits.max_seconds)
