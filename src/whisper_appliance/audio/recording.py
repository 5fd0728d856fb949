"""One file on its way to samples: read in blocks while the decoder still writes, gone when it closes."""

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

from whisper_appliance.audio import decode_errors
from whisper_appliance.audio.decoder_process import DecoderProcess
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ApplianceError, Unavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.transcript.model import Notice

_BYTES_A_SAMPLE = 2
_FULL_SCALE = np.float32(32768)
_POLL_SECONDS = 0.02
_GRACE_SECONDS = 5.0
_ORDINARY_SECONDS = 4 * 3600.0
_LIMIT_SIGNALS = (signal.SIGKILL, signal.SIGXCPU, signal.SIGALRM, signal.SIGXFSZ)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one file may cost. Time counts only while the decoder works."""

    max_seconds: float = _ORDINARY_SECONDS
    memory_bytes: int = 2**30
    cpu_seconds: int = 60
    wall_seconds: float = 120

    def for_length(self) -> "DecodeLimits":
        """The same, with as much more time as its longest recording is longer than four hours."""
        longer = max(1.0, self.max_seconds / _ORDINARY_SECONDS)
        return replace(
            self, cpu_seconds=math.ceil(self.cpu_seconds * longer), wall_seconds=self.wall_seconds * longer
        )


class Recording:
    """One file on its way to samples, from `decode`; a context manager, and nothing is left when it closes.

    `blocks` may run in one thread while others `read` what it has passed.
    """

    def __init__(
        self, source: BufferedReader, pcm: BinaryIO, child: DecoderProcess, limits: DecodeLimits
    ) -> None:
        self._source = source
        self._pcm = pcm
        self._child: DecoderProcess | None = child
        self._limits = limits
        self._deadline = time.monotonic() + limits.wall_seconds + _GRACE_SECONDS
        self._lock = threading.Lock()
        self._started = False
        self._header: dict[str, Any] = {}
        self._samples: int | None = None
        self._error: ApplianceError | None = None
        self._notices: tuple[Notice, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the decoder if it still runs and gives the disk space back."""
        with self._lock:
            self._dismiss()
            self._pcm.close()
            self._source.close()

    def blocks(self, seconds: float = 30.0) -> Iterator[Samples]:
        """All of it in order: float32 in [-1, 1], 1-D, `seconds` each, the last one shorter.

        Waits for the decoder. Raises `AudioError` when there is nothing to hear or a limit is reached, even
        after blocks that were fine, and `DiskFull`.
        """
        size = max(1, round(seconds * SAMPLE_RATE))
        start = 0
        while (stop := min(start + size, self._wait_for(start + size))) > start:
            yield self.read(start, stop)
            start = stop

    def read(self, start: int, stop: int) -> Samples:
        """Samples `start` to `stop` of what is decoded by now; fewer at the end."""
        span = os.pread(self._pcm.fileno(), max(0, stop - start) * _BYTES_A_SAMPLE, start * _BYTES_A_SAMPLE)
        whole = len(span) // _BYTES_A_SAMPLE * _BYTES_A_SAMPLE
        return np.frombuffer(span[:whole], dtype="<i2").astype(np.float32) / _FULL_SCALE

    @property
    def seconds(self) -> float | None:
        """The exact length, `None` until decoded to the end."""
        self._listen(0)
        return None if self._samples is None else self._samples / SAMPLE_RATE

    @property
    def estimated_seconds(self) -> float | None:
        """What the header promises until decoded, exact afterwards; `None` where nothing is known."""
        return self.seconds if self.seconds is not None else self._header.get("seconds")

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the reader should know, complete once decoded to the end."""
        self._listen(0)
        return self._notices

    @cached_property
    def audio_sha256(self) -> str:
        """The hash of the file as it came, for the provenance; takes a moment for large ones."""
        self._source.seek(0)
        return hashlib.file_digest(self._source, "sha256").hexdigest()

    def _wait_for(self, stop: int) -> int:
        """How many samples there are, once there are `stop` or all."""
        while True:
            self._listen(0)
            if self._error:
                raise self._error
            there = os.fstat(self._pcm.fileno()).st_size // _BYTES_A_SAMPLE
            if there >= stop or self._samples is not None:
                return there
            self._listen(_POLL_SECONDS)

    def _listen(self, timeout_seconds: float) -> None:
        """Takes in what the decoder says within the time; its silence means that it works."""
        with self._lock:
            while self._child:
                try:
                    message = self._child.message(timeout_seconds)
                except EOFError:
                    self._bury(self._child.end())
                    return
                if message is None:
                    break
                self._hear(message)
            if self._child and time.monotonic() > self._deadline:
                self._child.end()
                self._bury(-signal.SIGALRM)

    def _hear(self, message: dict[str, Any]) -> None:
        if message["kind"] == "ready":
            self._started = True
        elif message["kind"] == "opened":
            self._header = message
        else:
            self._dismiss()
            self._judge(message)

    def _dismiss(self) -> None:
        if self._child:
            self._child.end()
            self._child = None

    def _judge(self, ended: dict[str, Any]) -> None:
        if ended["verdict"] != "done":
            self._fail(ended["verdict"])
        elif ended["samples"] == 0:
            self._fail("undecodable" if ended["lost_places"] else "no_audio")
        else:
            self._samples = ended["samples"]
            self._notices = decode_errors.notices(self._header, ended)

    def _bury(self, returncode: int) -> None:
        """The decoder ended without a word."""
        self._child = None
        if self._started:
            self._fail("limit" if -returncode in _LIMIT_SIGNALS else "undecodable")
        else:
            self._error = Unavailable(decode_errors.DOES_NOT_START)

    def _fail(self, verdict: str) -> None:
        self._error = decode_errors.error(verdict, max_seconds=self._limits.max_seconds)
