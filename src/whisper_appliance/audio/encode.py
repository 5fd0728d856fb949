"""Encodes the sound of a file as Opus in WebM, or copies a film with subtitles, in a sandboxed process."""

import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO

from whisper_appliance.audio import decode_errors
from whisper_appliance.audio.decoder_process import DecoderProcess
from whisper_appliance.audio.recording import DecodeLimits, Sound
from whisper_appliance.core.errors import Unavailable, Undecodable

ENCODING_COST = 12
"""How much more time encoding takes than decoding alone."""
KILLED = "killed"
_GRACE_SECONDS = 5.0
_FILM_HEADROOM_BYTES = 2**24


def encode_opus(path: Path, target: Path, *, limits: DecodeLimits, sound: Sound) -> None:
    """Writes the sound of `path` to the new file `target`.

    All channels of the chosen track are in it. Raises `Undecodable` and the other errors of the decoder,
    `Unavailable` if the process does not start; there is no target then.
    """
    limits = replace(
        limits,
        cpu_seconds=limits.cpu_seconds * ENCODING_COST,
        wall_seconds=limits.wall_seconds * ENCODING_COST,
    )
    part = target.with_name(target.name + ".part")
    try:
        with path.open("rb") as source, part.open("w+b") as encoded:
            job = asdict(limits) | asdict(sound)
            verdict = _run("opus_encoder", job, source.fileno(), encoded.fileno(), limits)
            if verdict == KILLED:
                raise Undecodable("This file can't be converted to Opus.")
            if verdict != "done":
                raise decode_errors.error_for_exit(verdict, max_seconds=limits.max_seconds)
            encoded.flush()
            os.fsync(encoded.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def most_film_bytes(source_bytes: int, subtitles: str) -> int:
    """The size that a film with subtitles may reach, with what Matroska adds."""
    return 2 * source_bytes + len(subtitles.encode()) + _FILM_HEADROOM_BYTES


def add_subtitles(path: Path, target: BinaryIO, subtitles: str, *, limits: DecodeLimits) -> None:
    """Writes the film at `path` as Matroska to the empty file `target`, with subtitles (SubRip) to switch on.

    Pictures and sound are copied as they are. Raises `InvalidRequest` if the file has no pictures,
    `Undecodable` and the other errors of the decoder, `Unavailable` if the process does not start.
    """
    target.write(subtitles.encode())
    target.flush()
    job = asdict(limits) | {"most_bytes": most_film_bytes(path.stat().st_size, subtitles)}
    with path.open("rb") as source:
        verdict = _run("video_muxer", job, source.fileno(), target.fileno(), limits)
    if verdict != "done":
        raise decode_errors.error_for_film(verdict, max_seconds=limits.max_seconds)


def _run(program: str, job: dict[str, object], source: int, target: int, limits: DecodeLimits) -> str:
    """The verdict of the process, or `KILLED`. Raises `Unavailable` if it does not start."""
    deadline = time.monotonic() + limits.wall_seconds + _GRACE_SECONDS
    try:
        child = DecoderProcess(program=program)
    except OSError as error:
        raise Unavailable(decode_errors.DOES_NOT_START) from error
    verdict = "limit"
    try:
        child.start_job(job, source, target)
        while (left := deadline - time.monotonic()) > 0:
            message = child.receive(left)
            if message is not None and message["kind"] == "ended":
                verdict = str(message["verdict"])
                break
    except (EOFError, OSError):
        verdict = KILLED
    finally:
        child.terminate()
    return verdict
