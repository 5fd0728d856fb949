"""Headers of WAV that do not hold: samples of fewer bits than bytes, and lengths that nobody wrote."""

import struct
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio import samples_of
from whisper_appliance.audio.declared_end import riff_chunks
from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.audio.joined_files import FilePart
from whisper_appliance.core.samples import Samples
from whisper_appliance.transcript.model import Notice

pytestmark = pytest.mark.slow  # decodes many files in a process each

SECONDS = 3.0
_PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")


@pytest.fixture(scope="module")
def speech(beckett: Path) -> Samples:
    return samples_of(beckett, 0, SECONDS)


def form(bits: int = 16, valid: int = 0) -> bytes:
    """The format of PCM at 16 kHz in mono; with `valid` bits of each sample, the extensible one."""
    size = bits // 8
    plain = struct.pack("<HHIIHH", 0xFFFE if valid else 1, 1, 16_000, 16_000 * size, size, bits)
    return plain + (struct.pack("<HHI", 22, valid, 4) + _PCM_GUID if valid else b"")


def chunk(name: bytes, content: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(content) if length is None else length) + content


def riff(*chunks: bytes, name: bytes = b"RIFF", length: int | None = None) -> bytes:
    return chunk(name, b"WAVE" + b"".join(chunks), length)


def pcm(speech: Samples) -> bytes:
    return (speech * 32_767).astype("<i2").tobytes()


def decoded(path: Path, content: bytes) -> tuple[Samples, tuple[Notice, ...], bool]:
    path.write_bytes(content)
    with decode(path, folder=path.parent, limits=DecodeLimits(max_seconds=60)) as recording:
        samples = np.concatenate(list(recording.blocks()))
        assert recording.media is not None
        return samples, recording.notices, recording.media.plain


@pytest.mark.parametrize(("bits", "valid"), [(32, 24), (32, 20), (32, 16), (24, 20), (24, 16), (16, 12)])
def test_samples_of_fewer_bits_than_their_bytes_hold_are_read(
    bits: int, valid: int, speech: Samples, tmp_path: Path
) -> None:
    whole = (speech.astype(np.float64) * (2 ** (valid - 1) - 1)).astype("<i4") << (bits - valid)
    data = whole.view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()
    content = riff(chunk(b"fmt ", form(bits, valid)), chunk(b"data", data))
    samples, notices, plain = decoded(tmp_path / "a.wav", content)
    assert np.abs(samples - speech).max() < 2 ** (2 - min(valid, 16))
    assert notices == ()
    assert plain == (-(-valid // 8) * 8 == bits)  # browsers read the others as FFmpeg does


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x7FFFFFDB, 0x80000000, 0xFFFFFFFF - 36, 0xFFFFFFFF])
def test_a_stream_whose_length_nobody_knew_is_whole(length: int, speech: Samples, tmp_path: Path) -> None:
    content = riff(chunk(b"fmt ", form()), chunk(b"data", pcm(speech), length), length=length)
    samples, notices, _ = decoded(tmp_path / "a.wav", content)
    assert (len(samples) / 16_000, notices) == (SECONDS, ())


def ds64(length: int) -> bytes:
    """The sizes of 64 bits in front of so many bytes of samples."""
    return struct.pack("<QQQI", min(length + 80, 2**64 - 1), length, length // 2, 0)


@pytest.mark.parametrize("name", [b"RF64", b"BW64"])
@pytest.mark.parametrize("length", [None, 0, 2**63, 2**64 - 1], ids=["known", "zero", "huge", "unknown"])
def test_a_long_wav_whose_recorder_died_is_whole(
    name: bytes, length: int | None, speech: Samples, tmp_path: Path
) -> None:
    data = pcm(speech)
    sizes = ds64(len(data) if length is None else length)
    chunks = chunk(b"ds64", sizes), chunk(b"fmt ", form()), chunk(b"data", data, 0xFFFFFFFF)
    samples, notices, _ = decoded(tmp_path / "a.wav", riff(*chunks, name=name, length=0xFFFFFFFF))
    assert (len(samples) / 16_000, notices) == (SECONDS, ())


@pytest.mark.parametrize("between", [b"", chunk(b"LIST", bytes(5_000))], ids=["nothing", "chunk"])
def test_all_chunks_of_samples_are_read(between: bytes, speech: Samples, tmp_path: Path) -> None:
    data = chunk(b"data", pcm(speech))
    samples, notices, _ = decoded(tmp_path / "a.wav", riff(chunk(b"fmt ", form()), data, between, data))
    assert (len(samples) / 16_000, notices) == (2 * SECONDS, ())
    assert np.abs(samples - np.tile(speech, 2)).max() < 0.001


@pytest.mark.parametrize(("kind", "samples"), [(1, ">i2"), (1, ">i4"), (3, ">f4")])
def test_rifx_is_read_with_the_most_significant_byte_first(
    kind: int, samples: str, speech: Samples, tmp_path: Path
) -> None:
    size = np.dtype(samples).itemsize
    head = struct.pack(">HHIIHH", kind, 1, 16_000, 16_000 * size, size, 8 * size)
    data = (speech * (2 ** (8 * size - 1) - 128 if kind == 1 else 1)).astype(samples).tobytes()
    chunks = (name + struct.pack(">I", len(content)) + content for name, content in
              ((b"fmt ", head), (b"LIST", bytes(10)), (b"data", data)))  # fmt: skip
    content = b"WAVE" + b"".join(chunks)
    content = b"RIFX" + struct.pack(">I", len(content)) + content
    found, notices, _ = decoded(tmp_path / "a", content)
    assert notices == ()
    assert np.abs(found - speech).max() < 0.001
    half, (notice,), _ = decoded(tmp_path / "a", content[: len(content) // 2])
    assert len(half) / 16_000 == pytest.approx(SECONDS / 2, abs=0.01)
    assert notice.code == "damaged"


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_rifx_whose_recorder_died_is_whole(length: int, speech: Samples, tmp_path: Path) -> None:
    head = struct.pack(">4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    data = struct.pack(">4sI", b"data", length) + (speech * 32_767).astype(">i2").tobytes()
    found, notices, _ = decoded(tmp_path / "a", struct.pack(">4sI4s", b"RIFX", length, b"WAVE") + head + data)
    assert (len(found) / 16_000, notices) == (SECONDS, ())
    assert np.abs(found - speech).max() < 0.001


@pytest.mark.parametrize("name", [b"data", b"junk"])
def test_of_a_million_tiny_chunks_a_few_thousand_are_read(name: bytes, tmp_path: Path) -> None:
    tiny = chunk(name, bytes(2))
    (path := tmp_path / "a.wav").write_bytes(riff(chunk(b"fmt ", form()), tiny * 1_000_000))
    with path.open("rb") as file:
        assert sum(1 for _ in riff_chunks(file.fileno(), 0, path.stat().st_size)) < 10_000


def test_samples_behind_the_length_of_the_last_save_are_read(speech: Samples, tmp_path: Path) -> None:
    data = pcm(speech)
    content = riff(chunk(b"fmt ", form()), chunk(b"data", data, len(data) // 2))
    samples, notices, _ = decoded(tmp_path / "a.wav", content)
    assert (len(samples) / 16_000, notices) == (SECONDS, ())


@pytest.mark.parametrize(
    "behind",
    [
        chunk(b"LIST", bytes(8_000)),
        b"TAG" + bytes(range(125)) * 64,
        bytes(8_000),
        chunk(b"id3 ", b"ID3\x03" + bytes(range(200)) * 40),
    ],
    ids=["chunk", "tag", "zeros", "id3"],
)
def test_what_is_no_sound_behind_the_samples_is_not_read(
    behind: bytes, speech: Samples, tmp_path: Path
) -> None:
    content = riff(chunk(b"fmt ", form()), chunk(b"data", pcm(speech)), behind)
    samples, notices, _ = decoded(tmp_path / "a.wav", content)
    assert (len(samples) / 16_000, notices) == (SECONDS, ())


@pytest.mark.parametrize("length", range(1, 11))
def test_bytes_that_are_replaced_are_so_in_reads_of_any_length(length: int, tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(b"0123456789")
    with path.open("rb") as file:
        part = FilePart(file.fileno(), 1, 10, {4: b"abc"})
        assert b"".join(iter(partial(part.read, length), b"")) == b"123abc789"
