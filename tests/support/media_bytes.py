"""Writes the bytes of media formats for which PyAV has no encoder or muxer."""

import struct
from pathlib import Path

import numpy as np

from whisper_appliance.core.samples import Samples


def gsm(seconds: float) -> bytes:
    """Raw GSM 06.10: frames of 20 ms, each of 33 bytes that begin with 0xD."""
    return (b"\xd0" + bytes(32)) * round(seconds * 50)


def gsm_in_wav(seconds: float) -> bytes:
    """WAV with Microsoft's GSM 06.10: 65 bytes for 40 ms."""
    data = bytes(65) * round(seconds * 25)
    form = struct.pack("<4sIHHIIHHHH", b"fmt ", 20, 0x31, 1, 8000, 1625, 65, 0, 2, 320)
    return _riff(form + struct.pack("<4sII", b"fact", 4, round(seconds * 8000)), data)


def coded_wav(data: bytes, *, tag: int, bits: int, block: int, extra: bytes = b"") -> bytes:
    """WAV of a codec by its number, mono at 8 kHz."""
    form = struct.pack("<HHIIHHH", tag, 1, 8000, 1000 * bits, block, bits, len(extra)) + extra
    return _riff(struct.pack("<4sI", b"fmt ", len(form)) + form, data)


def _riff(form: bytes, data: bytes) -> bytes:
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def voc(data: bytes, packing: int) -> bytes:
    """VOC: one block of packed samples (Sound Blaster Pro) at 8 kHz."""
    block = bytes([256 - 1_000_000 // 8000, packing]) + data
    head = b"Creative Voice File\x1a" + struct.pack("<HHH", 26, 0x10A, 0x1129)
    return head + b"\x01" + len(block).to_bytes(3, "little") + block + b"\0"


def amr_wb(seconds: float, *, header: bool) -> bytes:
    """AMR-WB at 6.6 kbit/s: a byte of kind and 17 bytes for 20 ms."""
    return (b"#!AMR-WB\n" if header else b"") + (b"\x04" + bytes(17)) * round(seconds * 50)


def dsf(samples: Samples) -> bytes:
    """DSF: one channel at 64 times 44.1 kHz, by delta-sigma modulation of samples at 44.1 kHz."""
    wide, error, bits = np.repeat(samples, 64), 0.0, np.zeros(len(samples) * 64, np.uint8)
    for index, value in enumerate(wide.tolist()):
        error += value
        bits[index] = error >= 0
        error -= 1.0 if error >= 0 else -1.0
    data = np.packbits(bits, bitorder="little").tobytes()
    data += bytes(-len(data) % 4096)
    form = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 1, 1, 2822400, 1, len(bits), 4096, 0)
    chunk = struct.pack("<4sQ", b"data", 12 + len(data)) + data
    return struct.pack("<4sQQQ", b"DSD ", 28, 28 + len(form) + len(chunk), 0) + form + chunk


def dss(seconds: float) -> bytes:
    """DSS of Olympus, standard play: a header of two blocks, then blocks of 512 bytes."""
    header = bytearray(b"\x02dss".ljust(1024, b"\0"))
    header[0x26 + 12 : 0x26 + 24] = b"261129120000"
    blocks = round(seconds * 11025 / 264 * 42 / 506) + 1
    return bytes(header) + (bytes([0, 0, 12, 0, 0, 0xFF]) + bytes(506)) * blocks


def joined(target: Path, *parts: Path) -> Path:
    """The bytes of files one after the other."""
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def drm_asf() -> bytes:
    """The start of a protected Windows Media file: its header holds a Content Encryption Object."""
    encryption = bytes.fromhex("FBB3112223BDD211B4B700A0C955FC6E") + struct.pack("<Q", 40) + bytes(16)
    header = bytes.fromhex("3026B2758E66CF11A6D900AA0062CE6C")
    return header + struct.pack("<QIBB", 30 + len(encryption), 1, 1, 2) + encryption


def protected_mp4(brand: bytes) -> bytes:
    """The start of an MP4 of a protected brand."""
    return struct.pack(">I4s4sI", 24, b"ftyp", brand, 0) + brand + b"mp42" + bytes(2000)


def dts(seconds: float) -> bytes:
    """Raw DTS: mono frames of 512 samples at 48 kHz, with a tone of 187 Hz."""
    header = _bits(
        *((0x7FFE8001, 32), (1, 1), (31, 5), (0, 1), (15, 7), (95, 14), (0, 6), (13, 4), (15, 5), (0, 1)),
        *((0, 12), (0, 1), (7, 4), (0, 2), (0, 3), (0, 2), (0, 4)),
        *((1, 4), (0, 3), (0, 5), (1, 5), (0, 3), (0, 2), (6, 3), (6, 3)),  # two subframes, two subbands
        *((1, 1), *[(3, 2)] * 4, *[(7, 3)] * 5),
    )
    subframe = _bits(
        *((0, 2), (0, 3), (0, 2), (11, 5), (0, 5), (90, 7)),
        *((level & 0xFF, 8) for level in (100, 71, 0, -71, -100, -71, 0, 71)),
        (0xFFFF, 16),
    )
    frame = header + subframe + subframe
    packed = int(frame.ljust(96 * 8, "0"), 2).to_bytes(96, "big")
    return packed * round(seconds * 48_000 / 512)


def _bits(*fields: tuple[int, int]) -> str:
    """The bits of values, each with its width."""
    return "".join(f"{value:0{width}b}" for value, width in fields)


def id3(payload: int) -> bytes:
    """An ID3 tag with so many bytes of padding."""
    return b"ID3\x04\x00\x00" + bytes(payload >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(payload)
