"""The recording of a live session: takes packets, returns samples, and leaves one WAV file."""

import os
from pathlib import Path
from typing import Protocol

from whisper_appliance.core.errors import InvalidRequest, NotFound
from whisper_appliance.core.samples import Samples
from whisper_appliance.live.spool import BYTES_A_SAMPLE, WAV_HEADER_BYTES, Spool, samples_of, wav_header

PCM_FILE = "audio.wav"


class LiveRecording(Protocol):
    """The audio of one session.

    Any thread may call `append`, `next_seq` and `samples`; the decode loop calls the rest. `complete` is True
    once no more samples can follow; `problem` is the message of a fault that ended the recording.
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
    def poll(self) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class PcmRecording:
    """s16le samples at 16 kHz, as an AudioWorklet or a program sends them; the file is a WAV."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / PCM_FILE
        self.problem: str | None = None
        self.complete = False
        self._spool = Spool(self.path, header=wav_header())

    @property
    def next_seq(self) -> int:
        """The number of the next packet."""
        return self._spool.next_seq

    @property
    def samples(self) -> int:
        """The number of samples received."""
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
        """Takes no more packets and completes the header."""
        self._spool.seal()
        complete_header(self.path, self.samples)
        self.complete = True

    def poll(self) -> None:
        """Nothing runs in the background."""

    def sync(self) -> None:
        """See `Spool.sync`."""
        self._spool.sync()

    def close(self) -> None:
        """Closes the file."""
        self._spool.close()


class ClosedRecording:
    """The file of a session that has ended."""

    problem: str | None = None
    complete = True
    next_seq = 0

    def __init__(self, folder: Path) -> None:
        self.path = folder / PCM_FILE

    @property
    def samples(self) -> int:
        """The number of samples in the file."""
        return max(0, self.path.stat().st_size - WAV_HEADER_BYTES) // BYTES_A_SAMPLE

    def append(self, seq: int, data: bytes) -> bool:
        """Refuses every packet."""
        raise NotFound("This recording has ended.")

    def read(self, start: int, stop: int) -> Samples:
        """Samples `start` to before `stop`."""
        with self.path.open("rb") as file:
            return read_pcm(file.fileno(), start, stop)

    def finish(self) -> None:
        """It is complete already."""

    def poll(self) -> None:
        """Nothing runs in the background."""

    def sync(self) -> None:
        """It was flushed when the session ended."""

    def close(self) -> None:
        """No file is open."""


def pcm_samples(file: int) -> int:
    """The number of samples in a WAV of ours, from its size, because the header is completed last."""
    return max(0, os.fstat(file).st_size - WAV_HEADER_BYTES) // BYTES_A_SAMPLE


def read_pcm(file: int, start: int, stop: int) -> Samples:
    """Samples `start` to before `stop` of a WAV of ours."""
    size = max(0, stop - start) * BYTES_A_SAMPLE
    return samples_of(os.pread(file, size, WAV_HEADER_BYTES + start * BYTES_A_SAMPLE))


def complete_header(path: Path, samples: int) -> None:
    """Writes the final header of a WAV of ours and flushes it to the disk."""
    with path.open("r+b") as file:
        file.write(wav_header(samples))
        file.flush()
        os.fsync(file.fileno())
