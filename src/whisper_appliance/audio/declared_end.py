"""The declared end of a media file: by the sizes in its headers, chunks, boxes and objects.

If there are fewer bytes, the file was cut off; bytes behind that end may be another file, joined to it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from whisper_appliance.audio.formats import has_header

UNKNOWN_32, UNKNOWN_64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
"""Sizes in headers of recorders that cannot go back to them."""
MAX_64 = UNKNOWN_64 // 2
"""The largest offset in a file."""
_UNKNOWN_MARGIN = 0x1000
"""Some write the most that 31 or 32 bits hold, others a little less, because the header is a part of it."""

RIFX = b"RIFX"
"""The first bytes of WAV whose numbers have their most significant byte first."""
MAX_RIFF_CHUNKS = 4096
"""No program writes more; a hostile file has millions of empty ones."""
MAX_ELEMENTS = 1_000_000
"""The end of a file with more elements is not looked for: 16 hours of blocks as a browser records them, and a
few seconds of reading. A hostile file has millions of empty ones."""
MAX_FLAC_BLOCKS = 4096
"""Of metadata."""
_EBML_PARENTS = {0x18538067, 0x1F43B675}  # Segment and Cluster, which recorders write without a size
_XING_BYTES = 64
_KILOBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_MP2_KILOBITS = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0)
_LOW_KILOBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_RATES = (44_100, 48_000, 32_000)
_HALVINGS = (2, 0, 1, 0)
"""Of the rates, by the version of MPEG: 2.5, none, 2, 1."""
_WAVPACK_HEADER_BYTES, _WAVPACK_INITIAL, _APE_HEADER_BYTES = 32, 0x08, 32
_FLV_TAGS, _FLV_TAG_BYTES = (8, 9, 18), 15
"""Sound, pictures and data; the bytes around what a tag holds."""
_TS_PACKETS, _TS_SYNC = ((188, 0), (192, 4), (204, 0)), 0x47
"""Lengths of packets of MPEG-TS, and where in them the sync byte is."""
_PACK_HEADER, _PS_TAIL_BYTES = b"\0\0\x01\xba", 1 << 17
_LAST_VOC_BLOCK = 9
"""Of VOC; SoX writes a length that is a little too small, so that samples follow the last block."""
_AC3_SYNC, _AC3_MAX_BYTES, _AC3_LAST_VERSION = b"\x0bw", 4096, 10
_AC3_KILOBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
"""Versions above the last one are E-AC-3."""

Element = tuple[bytes, int, int | None]
"""Name, first byte and length of a chunk, box or object; the length is None if it is not known."""


def declared_end(fd: int, container: str, start: int, size: int) -> int | None:
    """The byte behind the file that begins at `start` of `size` bytes, by its headers.

    None if they have no size. `container` is FFmpeg's name.
    """
    end = _ENDS.get(container)
    return end(fd, start, size) if end else None


def _end_of(elements: Callable[[int, int, int], Iterator[Element]]) -> Callable[[int, int, int], int | None]:
    """The end of the last element, before those of a next file, and before what is no element."""

    def end(fd: int, start: int, size: int) -> int | None:
        reached, first = start, b""
        for number, (name, at, length) in enumerate(elements(fd, start, size)):
            if first and (name == first or (at + (length or 0) > size and _is_other_file(fd, at))):
                return at
            if length is None or number == MAX_ELEMENTS:
                return None
            first, reached = first or name, at + length
        return reached

    return end


def _is_other_file(fd: int, at: int) -> bool:
    """Whether a file begins there, and no tag, which are chunks in WAV."""
    head = os.pread(fd, 16, at)
    return has_header(head) and not head.startswith(b"ID3")


def riff_order(name: bytes) -> Literal["little", "big"]:
    """The order of the bytes in numbers of RIFF, by its first four bytes."""
    return "big" if name == RIFX else "little"


def riff_chunks(fd: int, start: int, size: int) -> Iterator[Element]:
    """WAV and AVI: RIFF; a chunk of 64-bit sizes has that of the data where it is over 4 GiB."""
    first = os.pread(fd, 4, start)
    yield first, start, 12
    wide = int.from_bytes(os.pread(fd, 8, start + 28), "little")
    at = start + 12
    for _ in range(MAX_RIFF_CHUNKS):
        head = os.pread(fd, 8, at) if at < size else b""
        name, length = head[:4], int.from_bytes(head[4:], riff_order(first))
        if not _is_name(name) or (at > start + 12 and _is_other_file(fd, at)):
            return
        if name == b"data" and _is_unknown(length):
            is_wide = os.pread(fd, 4, start + 12) == b"ds64" and wide <= MAX_64
            length = wide if is_wide else 0
            if length == 0:
                yield name, at, None
                return
        yield name, at, 8 + length + length % 2
        at += 8 + length + length % 2


def _aiff(fd: int, start: int, _size: int) -> Iterator[Element]:
    length = int.from_bytes(os.pread(fd, 4, start + 4), "big")
    yield b"FORM", start, 8 + length + length % 2


def _wave64(fd: int, start: int, _size: int) -> Iterator[Element]:
    length = int.from_bytes(os.pread(fd, 8, start + 16), "little")
    yield b"riff", start, -(-length // 8) * 8 if 0 < length < UNKNOWN_64 else None


def _caf(fd: int, start: int, size: int) -> Iterator[Element]:
    yield b"caff", start, 8
    at = start + 8
    while at < size:
        head = os.pread(fd, 12, at)
        name, length = head[:4], int.from_bytes(head[4:], "big")
        if not _is_name(name):
            return
        yield name, at, None if length == UNKNOWN_64 else 12 + length
        at += 12 + length


def _au(fd: int, start: int, _size: int) -> Iterator[Element]:
    head = os.pread(fd, 12, start)
    length = int.from_bytes(head[8:], "big")
    yield b".snd", start, None if length == UNKNOWN_32 else int.from_bytes(head[4:8], "big") + length


def _dsf(fd: int, start: int, _size: int) -> Iterator[Element]:
    yield b"DSD ", start, int.from_bytes(os.pread(fd, 8, start + 12), "little") or None


def _asf(fd: int, start: int, size: int) -> Iterator[Element]:
    """Objects: header, data, and index."""
    at = start
    while at < size:
        head = os.pread(fd, 24, at)
        length = int.from_bytes(head[16:], "little")
        if length < 24:
            return
        yield head[:16], at, length
        at += length


def boxes(fd: int, start: int, size: int) -> Iterator[Element]:
    """MP4: boxes; one of size 0 reaches to the end."""
    at = start
    while at < size:
        head = os.pread(fd, 16, at)
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        length = int.from_bytes(head[8:], "big") if length == 1 else length
        if length == 0:
            yield name, at, size - at
        if length < 8 or not _is_name(name):
            return
        yield name, at, length
        at += length


def _ebml(fd: int, start: int, size: int) -> Iterator[Element]:
    """Matroska: elements; those without a size are entered."""
    at = start
    while at < size:
        head = os.pread(fd, 12, at)
        if at > start and has_header(head):
            return
        id_bytes = _vint_bytes(head[0])
        length_bytes = _vint_bytes(head[id_bytes]) if id_bytes < len(head) else 9
        if id_bytes > 4 or length_bytes > 8 or id_bytes + length_bytes > len(head):
            if at + len(head) == size:  # the file ends in the head of an element
                yield b"", at, len(head) + 1
            return
        mask = (1 << (7 * length_bytes)) - 1
        length = int.from_bytes(head[id_bytes : id_bytes + length_bytes], "big") & mask
        is_open = length == mask and int.from_bytes(head[:id_bytes], "big") in _EBML_PARENTS
        whole = id_bytes + length_bytes + (0 if is_open else length)
        yield head[:id_bytes], at, whole
        at += whole


def _wavpack(fd: int, start: int, size: int) -> Iterator[Element]:
    """Blocks, in front of a tag. The first one has the first sample, and so has that of a next file."""
    at = start
    while at < size:
        head = os.pread(fd, _WAVPACK_HEADER_BYTES, at)
        if not head.startswith(b"wvpk"):
            return
        length = 8 + int.from_bytes(head[4:8], "little")
        yield b"wvpk" if _is_first_block(head) else b"", at, length
        at += length


def _is_first_block(head: bytes) -> bool:
    """Whether a block of WavPack has samples, from number 0 on, and those of the first channels."""
    if len(head) < _WAVPACK_HEADER_BYTES or head[10] or any(head[16:20]) or not any(head[20:24]):
        return False
    return bool(head[25] & _WAVPACK_INITIAL)


def tag_bytes(fd: int, at: int) -> int:
    """The length of an APE tag that begins there, as WavPack has at its end; 0 without one."""
    head = os.pread(fd, _APE_HEADER_BYTES, at)
    if not head.startswith(b"APETAGEX") or len(head) < _APE_HEADER_BYTES:
        return 0
    return _APE_HEADER_BYTES + int.from_bytes(head[12:16], "little")


def _voc(fd: int, start: int, size: int) -> Iterator[Element]:
    """VOC: blocks up to a terminator, which some programs leave out."""
    at = start + int.from_bytes(os.pread(fd, 2, start + 20), "little")
    yield b"", start, at - start
    while at < size:
        head = os.pread(fd, 4, at)
        if head[0] == 0 or head[0] > _LAST_VOC_BLOCK:
            yield b"", at, 1
            return
        length = 4 + int.from_bytes(head[1:], "little")
        yield b"", at, length
        at += length


def _flv(fd: int, start: int, size: int) -> Iterator[Element]:
    """Flash Video: tags, each with its length behind it."""
    at = start + int.from_bytes(os.pread(fd, 4, start + 5), "big") + 4
    yield b"FLV", start, at - start
    while at < size:
        head = os.pread(fd, 4, at)
        if head[0] & 0x1F not in _FLV_TAGS:
            return
        length = _FLV_TAG_BYTES + int.from_bytes(head[1:], "big")
        yield b"", at, length
        at += length


def _mpeg_ts_end(fd: int, start: int, size: int) -> int | None:
    """MPEG-TS: the end of a packet; they are of one length, which their first bytes show."""
    head = os.pread(fd, 1024, start)
    for length, sync in _TS_PACKETS:
        if len(head) == 1024 and set(head[sync : 4 * length : length]) == {_TS_SYNC}:
            return start - (start - size) // length * length
    return None


def _mpeg_ps_end(fd: int, start: int, size: int) -> int | None:
    """MPEG-PS: the end of the packets that follow the last pack header."""
    first = max(start, size - _PS_TAIL_BYTES)
    tail = os.pread(fd, size - first, first)
    at = tail.rfind(_PACK_HEADER)
    while 0 <= at <= len(tail) - 14 and tail.startswith(_PACK_HEADER[:3], at):
        if tail.startswith(_PACK_HEADER, at):
            at += 14 + (tail[at + 13] & 7) if tail[at + 4] >> 6 == 1 else 12
        else:
            at += 6 + int.from_bytes(tail[at + 4 : at + 6], "big")
    return first + at if at >= 0 else None


def _ac3_end(fd: int, start: int, size: int) -> int | None:
    """The end of the last frame of AC-3 or E-AC-3, whose frames follow each other up to the end."""
    first = max(start, size - 4 * _AC3_MAX_BYTES)
    tail = os.pread(fd, size - first, first)
    at = tail.find(_AC3_SYNC)
    while at >= 0:
        reached = at
        while reached < len(tail) and (length := ac3_frame_bytes(tail[reached : reached + 6])):
            reached += length
        if reached >= len(tail):
            return first + reached
        if reached > at and _AC3_SYNC.startswith(tail[reached : reached + 2]):  # the file ends in a header
            return first + reached + _AC3_MAX_BYTES
        at = tail.find(_AC3_SYNC, at + 1)
    return None


def ac3_frame_bytes(header: bytes) -> int:
    """The length of a frame of AC-3 or E-AC-3 by its first six bytes; 0 if they are no header."""
    if len(header) < 6 or not header.startswith(_AC3_SYNC):
        return 0
    if header[5] >> 3 > _AC3_LAST_VERSION:
        return 2 * (int.from_bytes(header[2:4], "big") & 0x7FF) + 2
    rate, code = header[4] >> 6, header[4] & 0x3F
    if rate == 3 or code >= 2 * len(_AC3_KILOBITS):
        return 0
    kilobits = _AC3_KILOBITS[code // 2]
    return (4 * kilobits, 2 * (320 * kilobits // 147 + code % 2), 6 * kilobits)[rate]


def _mp3_end(fd: int, start: int, _size: int) -> int | None:
    """By the number of bytes in the Xing header of encoders that know it."""
    start = first_frame(fd, start)
    head = os.pread(fd, _XING_BYTES, start)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    flags = int.from_bytes(head[at + 4 : at + 8], "big")
    if at < 0 or not flags & 2:
        return None
    field = at + 8 + (4 if flags & 1 else 0)
    return start + int.from_bytes(head[field : field + 4], "big")


def first_frame(fd: int, start: int) -> int:
    """Where the first frame of an MP3 begins: behind its ID3 tag, if it has one."""
    head = os.pread(fd, 10, start)
    if not head.startswith(b"ID3"):
        return start
    return (
        start + 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    )


def flac_frames(fd: int, start: int) -> int:
    """Where the frames of a FLAC begin: behind its metadata, such as pictures."""
    at = start + 4
    for _ in range(MAX_FLAC_BLOCKS):
        if not (head := os.pread(fd, 4, at)):
            break
        at += 4 + int.from_bytes(head[1:], "big")
        if head[0] >= 0x80:
            break
    return at


def mp3_frame_bytes(header: bytes) -> int:
    """The length of a frame of MPEG layer III by its first four bytes; 0 if they are no header."""
    return _mpeg_frame_bytes(header, 0xE2, _KILOBITS, 72_000)


def mp2_frame_bytes(header: bytes) -> int:
    """The length of a frame of MPEG layer II by its first four bytes; 0 if they are no header."""
    return _mpeg_frame_bytes(header, 0xE4, _MP2_KILOBITS, 144_000)


def _mpeg_frame_bytes(header: bytes, layer: int, first_kilobits: Sequence[int], low_samples: int) -> int:
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != layer:
        return 0
    is_first_version, halvings = header[1] >> 3 & 3 == 3, _HALVINGS[header[1] >> 3 & 3]
    rate_index = header[2] >> 2 & 3
    if rate_index == 3:
        return 0
    kilobits = (first_kilobits if is_first_version else _LOW_KILOBITS)[header[2] >> 4]
    samples = 144_000 if is_first_version else low_samples
    return samples * kilobits // (_RATES[rate_index] >> halvings) + (header[2] >> 1 & 1 if kilobits else 0)


def latm_frame_bytes(header: bytes) -> int:
    """The length of a frame of AAC in LATM by its first three bytes; 0 if they are no header."""
    is_frame = header[:1] == b"\x56" and len(header) == 3 and header[1] >> 5 == 7
    return 3 + (int.from_bytes(header[1:], "big") & 0x1FFF) if is_frame else 0


def adts_frame_bytes(header: bytes) -> int:
    """The length of a frame of AAC in ADTS by its first six bytes; 0 if they do not say."""
    is_frame = len(header) >= 6 and header[0] == 0xFF and header[1] & 0xF6 == 0xF0
    return int.from_bytes(header[3:6], "big") >> 5 & 0x1FFF if is_frame else 0


def _vint_bytes(first: int) -> int:
    """The length of a variable-length integer by its first byte; 9 if it is none."""
    return 9 - first.bit_length()


def _is_unknown(length: int) -> bool:
    """Whether a program wrote this length of 32 bits because it did not know the true one."""
    return length == 0 or any(-_UNKNOWN_MARGIN <= length - most <= 0x100 for most in (1 << 31, UNKNOWN_32))


def is_chunk(fd: int, at: int, size: int) -> bool:
    """Whether a chunk of RIFF begins there and ends within the file."""
    head = os.pread(fd, 8, at)
    return len(head) == 8 and _is_name(head[:4]) and at + 8 + int.from_bytes(head[4:], "little") <= size


def _is_name(name: bytes) -> bool:
    """Whether four bytes can be the name of a chunk."""
    return len(name) == 4 and ((name.isascii() and name.decode().isprintable()) or name[:1] == b"\xa9")


_ENDS: dict[str, Callable[[int, int, int], int | None]] = {
    "wav": _end_of(riff_chunks),
    "avi": _end_of(riff_chunks),
    "w64": _end_of(_wave64),
    "aiff": _end_of(_aiff),
    "au": _end_of(_au),
    "caf": _end_of(_caf),
    "dsf": _end_of(_dsf),
    "asf": _end_of(_asf),
    "wv": _end_of(_wavpack),
    "voc": _end_of(_voc),
    "flv": _end_of(_flv),
    "mpegts": _mpeg_ts_end,
    "mpeg": _mpeg_ps_end,
    "ac3": _ac3_end,
    "eac3": _ac3_end,
    "mov,mp4,m4a,3gp,3g2,mj2": _end_of(boxes),
    "matroska,webm": _end_of(_ebml),
    "mp3": _mp3_end,
}
