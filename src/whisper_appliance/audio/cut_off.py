"""Finds files that end too early: the container promises more bytes than there are.

FFmpeg reads such files to their end and reports nothing.
"""

import os

from whisper_appliance.audio.chained_ogg import ends_well

_EBML_PARENTS = {0x18538067, 0x1F43B675}  # Segment and Cluster, which recorders write without a size
_ASF_FILE_PROPERTIES = bytes.fromhex("A1DCAB8C47A9CF118EE400C00C205365")
_ASF_SIZE_OFFSET = 40
_HEAD_BYTES = 64 * 1024


def is_cut_off(fd: int, container: str) -> bool:
    """Whether a file of that container (FFmpeg's name) is shorter than it says."""
    size = os.fstat(fd).st_size
    match container:
        case "matroska,webm":
            return _ebml_end(fd, size) > size
        case "mov,mp4,m4a,3gp,3g2,mj2":
            return _box_end(fd, size) > size
        case "ogg":
            return not ends_well(fd)
        case "asf":
            return _asf_size(fd) > size
        case _:
            return False


def _ebml_end(fd: int, size: int) -> int:
    """Where the last element ends; elements without a size are entered."""
    at = 0
    while at < size:
        head = os.pread(fd, 12, at)
        id_bytes = _vint_bytes(head[0])
        length_bytes = _vint_bytes(head[id_bytes]) if id_bytes < len(head) else 9
        if id_bytes > 4 or length_bytes > 8 or id_bytes + length_bytes > len(head):
            return at if length_bytes <= 8 and at + len(head) < size else size + 1
        name = int.from_bytes(head[:id_bytes], "big")
        mask = (1 << (7 * length_bytes)) - 1
        length = int.from_bytes(head[id_bytes : id_bytes + length_bytes], "big") & mask
        at += id_bytes + length_bytes
        if name not in _EBML_PARENTS or length != mask:
            at += length
    return at


def _vint_bytes(first: int) -> int:
    """The length of a variable-length integer by its first byte; 9 if it is none."""
    return 9 - first.bit_length()


def _box_end(fd: int, size: int) -> int:
    """Where the last box of an MP4 ends; a box of size 0 reaches to the end."""
    at = 0
    while at < size:
        head = os.pread(fd, 16, at)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:
            return size
        if length < 8:
            return at
        at += length
    return at


def _asf_size(fd: int) -> int:
    head = os.pread(fd, _HEAD_BYTES, 0)
    at = head.find(_ASF_FILE_PROPERTIES)
    return int.from_bytes(head[at + _ASF_SIZE_OFFSET : at + _ASF_SIZE_OFFSET + 8], "little") if at >= 0 else 0
