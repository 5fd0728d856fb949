"""Any container to 16 kHz mono, decoded by a child process within limits: `decode`."""

import errno
import os
import stat
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from whisper_appliance.audio import decode_errors
from whisper_appliance.audio.decoder_process import DecoderProcess, Spare
from whisper_appliance.audio.recording import DecodeLimits, Recording
from whisper_appliance.core.errors import Unavailable, Undecodable

__all__ = ["DecodeLimits", "Isolation", "Recording", "decode", "isolation", "prepare"]

_START_SECONDS = 15.0
_LANDLOCK_BARS_TCP = 4


@dataclass(frozen=True, slots=True)
class Isolation:
    """What holds on this machine beside the limits and FFmpeg's whitelists, which always hold."""

    network: Literal["own", "no tcp", "shared"]
    files: Literal["the source only", "readable ones"]
    no_new_privileges: bool


_spare = Spare(keep_seconds=30.0)


def prepare() -> None:
    """Starts a decoder process ahead of need, so that the next `decode` does not wait for its start."""
    with suppress(OSError):  # no process to spare now; `decode` will say so if it lasts
        _spare.prepare()


def decode(path: Path, *, folder: Path, limits: DecodeLimits) -> Recording:
    """Starts to decode the file; its samples go to a nameless file in `folder`.

    Raises `Undecodable` when there is no file that may be read, and `DiskFull`; what is wrong with the sound
    is raised by `Recording.blocks`.
    """
    with ExitStack() as undo:
        source = undo.enter_context(_open(path))
        pcm = undo.enter_context(_scratch(folder))
        child = _ordered_child(asdict(limits), source.fileno(), pcm.fileno())
        undo.pop_all()
        return Recording(source, pcm, child, limits)


@cache
def isolation() -> Isolation:
    """What this machine lets a decoder process close behind itself, asked once. Raises `Unavailable`."""
    with tempfile.TemporaryFile() as complaints:
        child = DecoderProcess(complaints.fileno())
        try:
            ready = child.message(_START_SECONDS)
        except EOFError:
            ready = None
        finally:
            child.end()
        if ready is None:
            complaints.seek(0)
            reason = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise Unavailable(f"{decode_errors.DOES_NOT_START} {reason}".strip())
    tcp_barred = ready["landlock"] >= _LANDLOCK_BARS_TCP
    return Isolation(
        network="own" if ready["own_network"] else "no tcp" if tcp_barred else "shared",
        files="the source only" if ready["landlock"] else "readable ones",
        no_new_privileges=ready["unprivileged"],
    )


def _open(path: Path) -> BufferedReader:
    """The source, opened here: the child gets the descriptor, never the name. No pipes, no devices."""
    try:
        # O_NONBLOCK: a pipe without a writer would be waited for.
        source = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    except OSError as error:
        raise Undecodable("This file can't be opened. Check that it exists and may be read.") from error
    if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
        source.close()
        raise Undecodable("This is not a file. Choose a recording.")
    return source


def _scratch(folder: Path) -> BinaryIO:
    """A file without a name: it is gone when the last who holds it ends, even by a crash."""
    try:
        return cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise decode_errors.error("disk_full", max_seconds=0) from error
        raise


def _ordered_child(order: dict[str, Any], source: int, target: int) -> DecoderProcess:
    spare = _spare.take()
    if spare:
        try:
            spare.order(order, source, target)
        except OSError:
            spare.end()
        else:
            return spare
    try:
        child = DecoderProcess()
        child.order(order, source, target)
    except OSError as error:
        raise Unavailable(decode_errors.DOES_NOT_START, retry_after_seconds=10) from error
    return child
