"""WAV headers that contradict their samples: options and bytes with which FFmpeg reads the samples."""

import os
from dataclasses import dataclass, field

from whisper_appliance.audio.declared_end import MAX_64, RIFX, is_chunk, riff_chunks
from whisper_appliance.audio.formats import has_header

WAV_NAMES = (b"RIFF", b"RF64", b"BW64")
_OPTIONS = {"max_probe_packets": "8"}
"""32 KiB are enough to find DTS in the place of samples; by default, FFmpeg reads 10 MiB to find it."""
_EXTENSIBLE, _PCM, _FLOAT = 0xFFFE, 1, 3
_FORM_BYTES = 16
_BIG_ENDIAN = {
    **{(_PCM, bits): f"s{bits}be" for bits in (16, 24, 32)},
    **{(_FLOAT, bits): f"f{bits}be" for bits in (32, 64)},
}
"""FFmpeg's raw formats by the kind of samples and their bits."""
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_MIN_REST_BYTES = 4096
"""A shorter rest behind the samples is padding."""


@dataclass(frozen=True, slots=True)
class WavHeader:
    """Options of FFmpeg's demuxer, and bytes to read instead of those in the file, by their places.

    `has_parts`: there are several chunks of samples; FFmpeg reads the last one only, unless it cannot seek.
    """

    options: dict[str, str] = field(default_factory=dict)
    patches: dict[int, bytes] = field(default_factory=dict)
    has_parts: bool = False


@dataclass(frozen=True, slots=True)
class RawSamples:
    """Samples that are read without their header: FFmpeg's raw format, its options, first byte and end."""

    demuxer: str
    options: dict[str, str]
    start: int
    stop: int


def read_wav_header(fd: int, start: int) -> WavHeader:
    """How to read the WAV that begins at `start`; nothing is set for other files."""
    if not os.pread(fd, 4, start).startswith(WAV_NAMES):
        return WavHeader()
    size, ignores_length, parts = os.fstat(fd).st_size, False, 0
    patches: dict[int, bytes] = {}
    for name, at, length in riff_chunks(fd, start, size):
        if name == b"ds64" and int.from_bytes(os.pread(fd, 8, at + 16), "little") > MAX_64:
            patches |= {at + 16: bytes(16)}  # with the number of samples; FFmpeg refuses such a size
        elif name == b"fmt ":
            patches |= _whole_samples(os.pread(fd, 34, at + 8), at + 8)
        elif name == b"data":
            parts += 1
            ignores_length = ignores_length or length is None or _goes_on(fd, at + length, size)
        elif parts and name in WAV_NAMES:
            break
    return WavHeader(_OPTIONS | ({"ignore_length": "1"} if ignores_length else {}), patches, parts > 1)


def read_rifx(fd: int, start: int) -> RawSamples | None:
    """The samples of a RIFX that begins at `start`, which FFmpeg reads as if they were of RIFF.

    None for other files, and for samples that are the same in both.
    """
    if os.pread(fd, 4, start) != RIFX:
        return None
    size, form = os.fstat(fd).st_size, b""
    for name, at, length in riff_chunks(fd, start, size):
        if name == b"fmt ":
            form = os.pread(fd, 40, at + 8)
        elif name == b"data" and len(form) >= _FORM_BYTES:
            return _raw_samples(form, at + 8, size if length is None else at + length)
    return None


def _raw_samples(form: bytes, start: int, stop: int) -> RawSamples | None:
    kind, channels = int.from_bytes(form[:2], "big"), int.from_bytes(form[2:4], "big")
    if kind == _EXTENSIBLE:
        kind = int.from_bytes(form[24:28], "big")
    demuxer = _BIG_ENDIAN.get((kind, int.from_bytes(form[14:16], "big")))
    if demuxer is None:
        return None
    rate = str(int.from_bytes(form[4:8], "big"))
    return RawSamples(demuxer, {"sample_rate": rate, "ch_layout": f"{channels}c"}, start, stop)


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
