"""Decodes any audio or video container to 16 kHz mono in a sandboxed child process with limits."""

import errno
import os
import stat
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import asdict
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

from whisper_appliance.audio import decode_errors
from whisper_appliance.audio.decoder_process import DecoderProcess, PrestartedDecoder
from whisper_appliance.audio.recording import DecodeLimits, Recording, Sound
from whisper_appliance.core import descriptors
from whisper_appliance.core.errors import NoAudio, Unavailable, Undecodable
from whisper_appliance.core.sandbox import TCP_SINCE_ABI, Isolation, landlock_version

__all__ = ["DecodeLimits", "Recording", "Sound", "decode", "isolation", "prepare"]

_START_SECONDS = 15.0
_OF_THE_MACHINE = (*descriptors.EXHAUSTED, errno.EIO, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT)
"""Errors of opening a file which say nothing about it: the next attempt may succeed."""

_prestarted = PrestartedDecoder(keep_seconds=30.0)


def prepare() -> None:
    """Starts a decoder process ahead of need, so that the next `decode` does not wait for its start."""
    with suppress(OSError):  # no process can start now; `decode` raises if that lasts
        _prestarted.prepare()


def decode(path: Path, *, folder: Path, limits: DecodeLimits, sound: Sound | None = None) -> Recording:
    """Starts to decode the file; its samples go to an unnamed file in `folder`.

    `sound` is which track and channel, and the hint of the name; by default that of `path`.

    Raises `Undecodable` if the file cannot be opened, `NoAudio` if it is empty, and `DiskFull`.
    `Recording.blocks` raises errors in the audio itself.
    """
    with ExitStack() as undo:
        source = undo.enter_context(_open(path))
        pcm = undo.enter_context(_scratch(folder))
        sound = sound or Sound(extension=path.suffix.lower().removeprefix("."))
        child = _start_child(asdict(limits) | asdict(sound), source.fileno(), pcm.fileno())
        undo.pop_all()
        return Recording(source, pcm, child, limits)


@cache
def isolation() -> Isolation:
    """The sandbox features of this machine, probed once with a real job. Raises `Unavailable`."""
    with tempfile.TemporaryFile() as stderr, tempfile.TemporaryFile() as empty:
        child = DecoderProcess(stderr.fileno())
        try:
            child.start_job(asdict(DecodeLimits()) | asdict(Sound()), empty.fileno(), empty.fileno())
            ready, ended = child.receive(_START_SECONDS), child.receive(_START_SECONDS)
        except (EOFError, OSError):
            ready = ended = None
        finally:
            child.terminate()
        if ready is None or ended is None:
            stderr.seek(0)
            reason = stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise Unavailable(
                "{problem} {reason}", problem=Unavailable(decode_errors.DOES_NOT_START), reason=reason
            )
    tcp_barred = ended["landlocked"] and landlock_version() >= TCP_SINCE_ABI
    return Isolation(
        network="own" if ready["own_network"] else "no tcp" if tcp_barred else "shared",
        files="the source only" if ended["landlocked"] else "readable ones",
        no_new_privileges=ready["unprivileged"],
        calls="filtered" if ended["filtered"] else "all",
        capabilities="dropped" if ready["no_capabilities"] else "kept",
    )


def _open(path: Path) -> BufferedReader:
    """Opens the source; the child gets the descriptor, never the name. Rejects pipes and empty files."""
    try:
        # O_NONBLOCK, because opening a pipe without a writer would block.
        source = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            raise
        raise Undecodable("This file can't be opened. Check that it exists and may be read.") from error
    status = os.fstat(source.fileno())
    if not stat.S_ISREG(status.st_mode):
        source.close()
        raise Undecodable("This is not a file. Choose a recording.")
    if not status.st_size:
        source.close()
        raise NoAudio("This file is empty.")
    return source


def _scratch(folder: Path) -> BinaryIO:
    """An unnamed file: the kernel removes it when the last process closes it, even after a crash."""
    try:
        return cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise decode_errors.error_for_exit("disk_full", max_seconds=0) from error
        raise


def _start_child(job: dict[str, Any], source: int, target: int) -> DecoderProcess:
    prestarted = _prestarted.take()
    if prestarted:
        try:
            prestarted.start_job(job, source, target)
        except OSError:
            prestarted.terminate()
        else:
            return prestarted
    try:
        child = DecoderProcess()
        child.start_job(job, source, target)
    except OSError as error:
        raise Unavailable(decode_errors.DOES_NOT_START, retry_after_seconds=10) from error
    return child
