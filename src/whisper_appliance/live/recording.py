"""What a microphone has said so far: packets in, samples out, and in the end one ordinary file."""

import os
from pathlib import Path
from typing import Protocol

from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.core.samples import Samples
from whisper_appliance.live.spool import BYTES_A_SAMPLE, WAV_HEADER_BYTES, Spool, samples_of, wav_header

PCM_FILE = "audio.wav"


class Recording(Protocol):
    """One microphone's audio.

    `append` and the numbers may be asked for by any thread, the rest belongs to one. `complete` is True once
    all samples are there that will ever be; `problem` says why there are no more, if that is a fault.
    """

    path: Path
    problem: str | None
    complete: bool

    @property
    def next_seq(self) -> int: ...
    @property
    def samples(self) -> int: ...
    def append(self, seq: int, data: bytes) -> bool: ...
    def read(self, start: int, stop: int) -> Samples: ...
    def finish(self) -> None: ...
    def look(self) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class PcmRecording:
    """s16le samples at 16 kHz, as a browser's worklet or a program sends them; the file is a WAV."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / PCM_FILE
        self.problem: str | None = None
        self.complete = False
        self._spool = Spool(self.path, header=wav_header())

    @property
    def next_seq(self) -> int:
        """The number of the packet that is wanted next."""
        return self._spool.next_seq

    @property
    def samples(self) -> int:
        """How many have come."""
        return self._spool.stored // BYTES_A_SAMPLE

    def append(self, seq: int, data: bytes) -> bool:
        """See `Spool.append`. Raises `InvalidRequest` for half a sample."""
        if len(data) % BYTES_A_SAMPLE:
            raise InvalidRequest(
                "A packet of pcm_s16le has two bytes for each sample; this one is odd.", field="audio"
            )
        return self._spool.append(seq, data)

    def read(self, start: int, stop: int) -> Samples:
        """Samples `start` to before `stop`."""
        return samples_of(self._spool.read(start * BYTES_A_SAMPLE, stop * BYTES_A_SAMPLE))

    def finish(self) -> None:
        """Nothing more comes: completes the header."""
        self._spool.seal()
        complete_header(self.path, self.samples)
        self.complete = True

    def look(self) -> None:
        """There is nothing to look for."""

    def sync(self) -> None:
        """See `Spool.sync`."""
        self._spool.sync()

    def close(self) -> None:
        """Lets go of the file."""
        self._spool.close()


class ClosedRecording:
    """The file of a session that has ended; nothing more comes."""

    problem: str | None = None
    complete = True
    next_seq = 0

    def __init__(self, folder: Path) -> None:
        self.path = folder / PCM_FILE

    @property
    def samples(self) -> int:
        """How many there are."""
        return max(0, self.path.stat().st_size - WAV_HEADER_BYTES) // BYTES_A_SAMPLE

    def append(self, seq: int, data: bytes) -> bool:
        """Nothing is taken."""
        raise NotFound("This recording has ended.")

    def read(self, start: int, stop: int) -> Samples:
        """Samples `start` to before `stop`."""
        with self.path.open("rb") as file:
            return read_pcm(file.fileno(), start, stop)

    def finish(self) -> None:
        """It is finished."""

    def look(self) -> None:
        """There is nothing to look for."""

    def sync(self) -> None:
        """It is on the disk."""

    def close(self) -> None:
        """It is not open."""


def pcm_samples(file: int) -> int:
    """How many samples a WAV of ours holds, whatever its header says."""
    return max(0, os.fstat(file).st_size - WAV_HEADER_BYTES) // BYTES_A_SAMPLE


def read_pcm(file: int, start: int, stop: int) -> Samples:
    """Some samples of a WAV of ours."""
    size = max(0, stop - start) * BYTES_A_SAMPLE
    return samples_of(os.pread(file, size, WAV_HEADER_BYTES + start * BYTES_A_SAMPLE))


def complete_header(path: Path, samples: int) -> None:
    """Writes how long a WAV of ours is, and sees it on the disk."""
    with path.open("r+b") as file:
        file.write(wav_header(samples))
        file.flush()
        os.fsync(file.fileno())
