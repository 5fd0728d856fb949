"""WAV headers that contradict their samples: options and bytes with which FFmpeg reads the samples."""

import os
from dataclasses import dataclass, field

from whisper_appliance.audio.declared_end import MAX_64, is_chunk, riff_chunks
from whisper_appliance.audio.formats import has_header

WAV_NAMES = (b"RIFF", b"RF64", b"BW64")
_OPTIONS = {"max_probe_packets": "8"}
"""32 KiB are enough to find DTS in the place of samples; by default, FFmpeg reads 10 MiB to find it."""
_EXTENSIBLE, _PCM = 0xFFFE, 1
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_MIN_REST_BYTES = 4096
"""A shorter rest behind the samples is padding."""


@dataclass(frozen=True, slots=True)
class WavHeader:
    """Options of FFmpeg's demuxer, and bytes to read instead of those in the file, by their places."""

    options: dict[str, str] = field(default_factory=dict)
    patches: dict[int, bytes] = field(default_factory=dict)


def read_wav_header(fd: int, start: int) -> WavHeader:
    """How to read the WAV that begins at `start`; nothing is set for other files."""
    if not os.pread(fd, 4, start).startswith(WAV_NAMES):
        return WavHeader()
    size, ignores_length = os.fstat(fd).st_size, False
    patches: dict[int, bytes] = {}
    for name, at, length in riff_chunks(fd, start, size):
        if name == b"ds64" and int.from_bytes(os.pread(fd, 8, at + 16), "little") > MAX_64:
            patches |= {at + 16: bytes(16)}  # with the number of samples; FFmpeg refuses such a size
        elif name == b"fmt ":
            patches |= _whole_samples(os.pread(fd, 34, at + 8), at + 8)
        elif name == b"data":
            ignores_length = length is None or _goes_on(fd, at + length, size)
            break
    return WavHeader(_OPTIONS | ({"ignore_length": "1"} if ignores_length else {}), patches)


def _whole_samples(form: bytes, at: int) -> dict[int, bytes]:
    """The size of samples with fewer bits than their bytes hold, as 24 bits in 32, which FFmpeg misreads."""
    if len(form) < 34 or int.from_bytes(form[:2], "little") != _EXTENSIBLE:
        return {}
    bits, valid = form[14:16], int.from_bytes(form[18:20], "little")
    is_pcm = int.from_bytes(form[24:26], "little") == _PCM
    return {at + 18: bits} if is_pcm and -(-valid // 8) * 8 < int.from_bytes(bits, "little") else {}


def _goes_on(fd: int, end: int, size: int) -> bool:
    """Whether the samples go on behind the end in the header, as where a recorder died before writing it."""
    rest = os.pread(fd, _MIN_REST_BYTES, end) if end < size else b""
    if len(rest) < _MIN_REST_BYTES or has_header(rest) or rest.startswith(_TAGS) or not rest.strip(b"\0"):
        return False
    return not any(is_chunk(fd, at, size) for at in (end - 1, end))  # some leave out the padding
