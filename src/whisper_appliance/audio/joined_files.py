"""Joined files: finds the files that follow each other in one, each with a header of its own, and the first
of them behind what programs put in front: tags, headers of HTTP, zeros.

They are of one format where the end of the first is not known, and of any where it is.

Streams whose frames follow each other without a header (AAC, LATM, AC-3, GSM, MPEG-TS) need no parts: FFmpeg
reads on.
"""

import os
import re
from collections.abc import Callable, Mapping
from io import RawIOBase

from whisper_appliance.audio import chained_ogg
from whisper_appliance.audio.declared_end import (
    ac3_frame_bytes,
    adts_frame_bytes,
    declared_end,
    first_frame,
    mp3_frame_bytes,
    tag_bytes,
)
from whisper_appliance.audio.formats import has_header

MAX_PARTS, MAX_TAGS = 10_000, 64
"""Of a file, and of ID3 in front of one; what follows more parts is taken for a part of the last one."""
_READ_BYTES = 1 << 20
_LONGEST_BEGINNING = 64
SEARCHED_BYTES, MOST_SEARCHED_BYTES = 16 * 1024, 1 << 20
"""Behind tags and zeros. More is searched only where FFmpeg reads nothing, because that costs time, and might
find a later file in streams without a header."""
_BEGINNINGS = {
    "wav": rb"(?s:(?:RIF[FX]|RF64|BW64)....WAVE)",
    "w64": re.escape(bytes.fromhex("726966662E91CF11A5D628DB04C10000")),
    "aiff": rb"(?s:FORM....AIF[FC])",
    "au": rb"(?s:\.snd\x00\x00......\x00\x00\x00.)",
    "caf": rb"caff\x00\x01\x00\x00",
    "voc": rb"Creative Voice File\x1a",
    "wv": rb"(?s:wvpk.{5}\x04\x00.{5}\x00{4})",  # a block of version 4 with the first sample
    "dsf": rb"DSD \x1c\x00{7}",
    "tta": rb"TTA1[\x01\x02]\x00",
    "asf": re.escape(bytes.fromhex("3026B2758E66CF11A6D900AA0062CE6C")),
    "flac": rb"fLaC[\x00\x80]\x00\x00\x22",
    "ogg": rb"OggS\x00\x02",
    "amr": rb"#!AMR(?:-WB)?\n",
    "mp3": rb"(?s:\xff[\xe2-\xff].{2}(?:.{2})?\x00{9,32}(?:Xing|Info))",
    "mov,mp4,m4a,3gp,3g2,mj2": rb"(?s:\x00\x00..ftyp)",
    "matroska,webm": rb"(?s:\x1aE\xdf\xa3.{1,40}?(?:webm|matroska))",
}
"""Patterns of how a file of each container (FFmpeg's name) begins, so that nothing else looks like it."""

_ANY_BEGINNING = b"|".join(_BEGINNINGS.values())
_FRAME_LENGTHS = (mp3_frame_bytes, adts_frame_bytes, ac3_frame_bytes)
_FRAME_HEADER_BYTES = 6


class FilePart(RawIOBase):
    """A part of an open file, as a file of its own; `patches` are read in place of the bytes there."""

    def __init__(
        self,
        fd: int,
        start: int,
        stop: int,
        patches: Mapping[int, bytes] | None = None,
        *,
        is_seekable: bool = True,
    ) -> None:
        self._fd, self._start, self._size, self._at = fd, start, stop - start, 0
        self._patches = dict(patches or {})
        self._is_seekable = is_seekable

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """Whether FFmpeg may read it in another order than that of its bytes."""
        return self._is_seekable

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end."""
        left = self._size - self._at
        first = self._start + self._at
        data = os.pread(self._fd, max(0, left if size < 0 else min(size, left)), first)
        self._at += len(data)
        for place, patch in self._patches.items():
            begin, end = max(place, first), min(place + len(patch), first + len(data))
            if begin < end:  # a read may begin or end within it
                data = data[: begin - first] + patch[begin - place : end - place] + data[end - first :]
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves to an offset from the start, the place or the end."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at


def first_file(fd: int, searched_bytes: int = SEARCHED_BYTES) -> int:
    """Where the first file begins; 0 for what FFmpeg reads from there, or where none is found."""
    head = os.pread(fd, _LONGEST_BEGINNING, 0)
    if not head.startswith(b"ID3") and (has_header(head) or _is_frame(head)):
        return 0
    start, tags = _behind_tags(fd, 0)
    head = os.pread(fd, searched_bytes, start)
    if start and _is_frame(head):  # FFmpeg reads MP3 behind one tag, and AAC behind many
        return tags if mp3_frame_bytes(head[:4]) else 0
    while not head.strip(b"\0") and head:
        start += len(head)
        head = os.pread(fd, searched_bytes, start)
    found = re.search(_ANY_BEGINNING, head)
    return start + found.start() if found else 0


def _behind_tags(fd: int, at: int) -> tuple[int, int]:
    """Where the ID3 tags end that begin there, and where the last of them begins."""
    last = at
    for _ in range(MAX_TAGS):
        if (behind := first_frame(fd, at)) == at:
            break
        at, last = behind, at
    return at, last


def _is_frame(head: bytes) -> bool:
    """Whether a stream of MPEG audio begins; version 2.5 is of layer III only."""
    return mp3_frame_bytes(head[:4]) > 0 or (head[:1] == b"\xff" and head[1:2] >= b"\xf0")


def parts(fd: int, container: str, start: int = 0) -> list[tuple[int, int]]:
    """Start and stop in bytes of each file in a file of that container (FFmpeg's name); at least one.

    `start` is that of the first one.
    """
    size = os.fstat(fd).st_size
    if container == "ogg":
        links = chained_ogg.links(fd, start)[:MAX_PARTS] or [(start, size)]
        return [*links[:-1], (links[-1][0], size)]
    starts = [start]
    while len(starts) < MAX_PARTS and (following := _next_start(fd, container, starts[-1], size)) is not None:
        starts.append(following)
        container = container_at(fd, following)
    return list(zip(starts, [*starts[1:], size], strict=True))


def _next_start(fd: int, container: str, start: int, size: int) -> int | None:
    """Where the file after that at `start` begins: at its end, or, where that is unknown, anywhere."""
    if container not in _BEGINNINGS:
        return None
    beginning = re.compile(_BEGINNINGS[container])
    if container == "mp3":  # with tags between the files
        return _find(fd, beginning, first_frame(fd, start) + 4)
    end = declared_end(fd, container, start, size)
    if end is None or end > size:
        return _find(fd, beginning, start + 1)
    return _file_at(fd, end + tag_bytes(fd, end))


def _file_at(fd: int, at: int) -> int | None:
    """Where a file of any kind begins: there, or behind a byte of padding or a tag; None if none does."""
    head = os.pread(fd, _LONGEST_BEGINNING, at)
    for padding in (0, 1):
        if re.match(_ANY_BEGINNING, head[padding:]):
            return at + padding
    frame, _ = _behind_tags(fd, at)
    return frame if any(_are_frames(fd, frame, length) for length in _FRAME_LENGTHS) else None


def _are_frames(fd: int, at: int, length_of: Callable[[bytes], int]) -> bool:
    """Whether two frames of a stream without a header follow each other there."""
    length = length_of(os.pread(fd, _FRAME_HEADER_BYTES, at))
    return length > 0 and length_of(os.pread(fd, _FRAME_HEADER_BYTES, at + length)) > 0


def file_behind(fd: int, last_packet: int) -> int | None:
    """Where a file begins within the last packet: FFmpeg ends that of a FLAC at the end of all bytes."""
    found = re.search(_ANY_BEGINNING, os.pread(fd, MOST_SEARCHED_BYTES, last_packet + 1))
    return last_packet + 1 + found.start() if found else None


def container_at(fd: int, start: int) -> str:
    """FFmpeg's name of the container that begins there; empty if none of these does."""
    return next((name for name in _BEGINNINGS if is_of(fd, name, start)), "")


def is_of(fd: int, container: str, start: int) -> bool:
    """Whether a file of that container (FFmpeg's name) begins there."""
    return bool(re.match(_BEGINNINGS[container], os.pread(fd, _LONGEST_BEGINNING, start)))


def _find(fd: int, beginning: "re.Pattern[bytes]", offset: int) -> int | None:
    while data := os.pread(fd, _READ_BYTES, offset):
        if found := beginning.search(data):
            return offset + found.start()
        if len(data) <= _LONGEST_BEGINNING:
            return None
        offset += len(data) - _LONGEST_BEGINNING
    return None
