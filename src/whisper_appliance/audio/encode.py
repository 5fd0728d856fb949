"""Encodes the sound of a file as Opus in WebM, in a sandboxed process with limits."""

import os
import time
from dataclasses import asdict, replace
from pathlib import Path

from whisper_appliance.audio import decode_errors
from whisper_appliance.audio.decoder_process import DecoderProcess
from whisper_appliance.audio.recording import DecodeLimits, Sound
from whisper_appliance.core.errors import Unavailable, Undecodable

ENCODING_COST = 12
"""How much more time encoding takes than decoding alone."""
_GRACE_SECONDS = 5.0


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
            _run(asdict(limits) | asdict(sound), source.fileno(), encoded.fileno(), limits)
            encoded.flush()
            os.fsync(encoded.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _run(job: dict[str, object], source: int, target: int, limits: DecodeLimits) -> None:
    deadline = time.monotonic() + limits.wall_seconds + _GRACE_SECONDS
    try:
        child = DecoderProcess(program="opus_encoder")
    except OSError as error:
        raise Unavailable(decode_errors.DOES_NOT_START) from error
    try:
        child.start_job(job, source, target)
        while (left := deadline - time.monotonic()) > 0:
            message = child.receive(left)
            if message is None or message["kind"] == "ready":
                continue
            if message["verdict"] == "done":
                return
            raise decode_errors.error_for_exit(message["verdict"], max_seconds=limits.max_seconds)
        raise decode_errors.error_for_exit("limit", max_seconds=limits.max_seconds)
    except (EOFError, OSError) as error:
        raise Undecodable("This file can't be converted to Opus.") from error
    finally:
        child.terminate()
