"""What a microphone has said so far: packets in, samples out, and in the end one ordinary file."""

import os
from pathlib import Path
from typing import Protocol

from whisper_appliance.errors import InvalidRequest
from whisper_appliance.live.spool import (
    BYTES_A_SAMPLE,
    Spool,
    samples_of,
    wav_header,
)
from whisper_appliance.speech.engine import SAMPLE_RATE, Samples


class Recording(Protocol):
    """One microphone's audio. `append` and the properties may be called from any thread."""

    path: Path

    @property
    def next_seq(self) -> int: ...
    @property
    def samples(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    def append(self, seq: int, data: bytes) -> bool: ...
    def read(self, start: int, stop: int) -> Samples: ...
    def finish(self) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class PcmRecording:
    """s16le samples at 16 kHz, as a browser's worklet or a program sends them; the file is a WAV."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "audio.wav"
        self._spool = Spool(self.path, header=wav_header())
        self.complete = False

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
        with self.path.open("r+b") as file:
            file.write(wav_header(self.samples))
            file.flush()
            os.fsync(file.fileno())
        self.complete = True

    def sync(self) -> None:
        """See `Spool.sync`."""
        self._spool.sync()

    def close(self) -> None:
        """Lets go of the file."""
        self._spool.close()


def seconds_of(recording: Recording) -> float:
    """Its length by now."""
    return recording.samples / SAMPLE_RATE
