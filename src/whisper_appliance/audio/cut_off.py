"""Finds files that end too early: the container promises more bytes than there are.

FFmpeg reads such files to their end and reports nothing.
"""

import os
from itertools import islice

from whisper_appliance.audio.chained_ogg import ends_well
from whisper_appliance.audio.declared_end import (
    MAX_ELEMENTS,
    boxes,
    declared_end,
    first_frame,
    flac_frames,
)

_CONTAINERS = {b"caff": "caf", b"RIFF": "wav", b"RIFX": "wav", b"FORM": "aiff", b"0&\xb2u": "asf"}
"""FFmpeg's names of containers by the first bytes."""
NEGLIGIBLE_BYTES = 16
"""Some programs count the header, or the padding of a chunk, wrongly."""


def is_cut_off(fd: int, container: str, start: int = 0) -> bool:
    """Whether the file that begins at `start` is shorter than it says; `container` is FFmpeg's name."""
    if container == "ogg":
        return not ends_well(fd, start)
    size = os.fstat(fd).st_size
    end = declared_end(fd, container, start, size)
    return end is not None and end > size + NEGLIGIBLE_BYTES


def lacks_index_or_sound(fd: int) -> bool:
    """Whether the file ends before its index or its first sound, so that nothing of it can be read.

    The index (`moov`) of an MP4 and that of a CAF are at the end; large pictures are before the sound.
    """
    size, head = os.fstat(fd).st_size, os.pread(fd, 4, 0)
    if head.startswith(b"ID3"):
        return first_frame(fd, 0) >= size
    if head == b"fLaC":
        return flac_frames(fd, 0) >= size
    if head in _CONTAINERS:
        return is_cut_off(fd, _CONTAINERS[head])
    names = {name for name, _, _ in islice(boxes(fd, 0, size), MAX_ELEMENTS)}
    return b"mdat" in names and b"moov" not in names
