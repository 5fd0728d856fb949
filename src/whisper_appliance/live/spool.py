"""The spool of a recording: writes numbered packets to disk before they are acknowledged.

`audio.wav` holds the samples behind a header that is completed at the end; `audio.webm` or `audio.mp4` hold
the bytes of a MediaRecorder. `packets` holds the size of each packet in order. A packet counts once both are
written; what a crash left unfinished is cut off when the spool is opened again.
"""

import errno
import os
import struct
import threading
from pathlib import Path

import numpy as np

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import DiskFull, NotFound
from whisper_appliance.core.samples import Samples

WAV_HEADER_BYTES = 44
BYTES_A_SAMPLE = 2
_SIZE = struct.Struct("<I")


class Spool:
    """One growing file of packets. Thread-safe."""

    def __init__(self, path: Path, *, header: bytes = b"") -> None:
        """Opens the file, or creates it with the header; existing packets are kept."""
        self.path = path
        self._header_bytes = len(header)
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._index = os.open(path.with_name("packets"), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(self._file).st_size < len(header):
            os.pwrite(self._file, header, 0)
        self._size = len(header)
        self._packets = 0
        self._dirty = False
        self._sealed = False
        self._recover()

    @property
    def next_seq(self) -> int:
        """The number of the next packet."""
        return self._packets

    @property
    def stored(self) -> int:
        """The number of bytes received, without the header."""
        return self._size - self._header_bytes

    def append(self, seq: int, data: bytes) -> bool:
        """Appends packet `seq`; ignores a duplicate. Returns False if an earlier packet is missing.

        Raises `DiskFull`, and `NotFound` once it is sealed; the packet is not stored then.
        """
        with self._lock:
            if self._sealed:
                raise NotFound("This recording has ended.")
            if seq != self._packets:
                return seq < self._packets
            try:
                _write_all(self._file, data, self._size)
                _write_all(self._index, _SIZE.pack(len(data)), None)
            except OSError as error:
                self._cut_back()
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise DiskFull(
                        "The disk is full: the recording cannot be kept.", retry_after_seconds=30
                    ) from error
                raise
            self._size += len(data)
            self._packets += 1
            self._dirty = True
            return True

    def read(self, start: int, stop: int) -> bytes:
        """The bytes `start` to before `stop`, counted without the header."""
        return os.pread(self._file, max(0, stop - start), self._header_bytes + start)

    def sync(self) -> None:
        """Flushes to the disk, so that the packets survive a power cut."""
        if self._dirty:
            self._dirty = False
            os.fdatasync(self._file)
            os.fdatasync(self._index)

    def seal(self) -> None:
        """Refuses all further packets."""
        with self._lock:
            self._sealed = True

    def close(self) -> None:
        """Closes the files."""
        with self._lock:
            self._sealed = True
            self._dirty = False
            os.close(self._file)
            os.close(self._index)

    def _recover(self) -> None:
        file_bytes = os.fstat(self._file).st_size
        sizes = os.pread(self._index, os.fstat(self._index).st_size, 0)
        for (size,) in _SIZE.iter_unpack(sizes[: len(sizes) // _SIZE.size * _SIZE.size]):
            if self._size + size > file_bytes:
                break
            self._size += size
            self._packets += 1
        self._cut_back()

    def _cut_back(self) -> None:
        os.ftruncate(self._file, self._size)
        os.ftruncate(self._index, self._packets * _SIZE.size)


def _write_all(file: int, data: bytes, at: int | None) -> None:
    rest = memoryview(data)
    while rest:
        written = os.write(file, rest) if at is None else os.pwrite(file, rest, at)
        rest = rest[written:]
        at = None if at is None else at + written


def wav_header(samples: int = 0) -> bytes:
    """A RIFF header for 16 kHz mono s16; 0 samples if it is completed later."""
    size = samples * BYTES_A_SAMPLE
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1,
        SAMPLE_RATE, SAMPLE_RATE * BYTES_A_SAMPLE, BYTES_A_SAMPLE, 16, b"data", size,
    )  # fmt: skip


def samples_of(pcm: bytes) -> Samples:
    """Converts s16le bytes to float32 in [-1, 1]."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)
