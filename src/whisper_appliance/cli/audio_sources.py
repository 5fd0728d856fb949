"""Audio sources of a live client, as packets of 100 ms: a file, a microphone, a pipe."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import cast

import click

PACKET_SECONDS = 0.1
PACKET_BYTES = 3200
ARECORD = ("arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", "16000", "-c", "1")


def from_file(path: Path) -> Iterator[bytes]:
    """Packets of a media file. Raises `AudioError`."""
    from whisper_appliance.audio.decode import DecodeLimits, decode

    limits = DecodeLimits(max_seconds=48 * 3600, memory_bytes=2**30, cpu_seconds=600, wall_seconds=600)
    with (
        tempfile.TemporaryDirectory(prefix="whisper-appliance-") as folder,
        decode(path, folder=Path(folder), limits=limits) as recording,
    ):
        blocks = ((block * 32767).astype("<i2").tobytes() for block in recording.blocks())
        yield from _packets(blocks)


def from_pipe(pipe: BufferedReader) -> Iterator[bytes]:
    """Packets of raw samples: s16le, 16 kHz, mono."""
    return _packets(iter(lambda: pipe.read1(PACKET_BYTES), b""))


def from_microphone(device: str) -> Iterator[bytes]:
    """Packets of `arecord`, until the iterator is closed. Raises `click.UsageError` without `arecord`."""
    if shutil.which(ARECORD[0]) is None:
        raise click.UsageError(
            "The program arecord, which reads the microphone, is not installed: apt-get install alsa-utils. "
            "Or pipe 16 kHz mono s16le samples in, or use --file."
        )
    return _recorded([*ARECORD, "-D", device])


def _recorded(command: list[str]) -> Iterator[bytes]:
    with subprocess.Popen(command, stdout=subprocess.PIPE) as recorder:
        try:
            yield from from_pipe(cast(BufferedReader, recorder.stdout))
        finally:
            recorder.terminate()


def in_real_time(
    packets: Iterable[bytes],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """Yields each packet at the time its last sample would have been recorded."""
    due = clock()
    for packet in packets:
        due += len(packet) / PACKET_BYTES * PACKET_SECONDS
        sleep(max(0.0, due - clock()))
        yield packet


def _packets(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes in packets of `PACKET_BYTES`; half a sample at the end is dropped."""
    rest = b""
    for piece in pieces:
        rest += piece
        whole = len(rest) - len(rest) % PACKET_BYTES
        yield from (rest[at : at + PACKET_BYTES] for at in range(0, whole, PACKET_BYTES))
        rest = rest[whole:]
    if len(rest) > 1:
        yield rest[: len(rest) - len(rest) % 2]
