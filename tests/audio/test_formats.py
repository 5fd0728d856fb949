"""The table of formats: a file of every row is decoded, and what cannot be read is refused by name."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support import media_bytes
from tests.support.audio import encode, write_samples
from whisper_appliance.audio.decode import DecodeLimits, Sound, decode
from whisper_appliance.audio.formats import EXTENSIONS, FILE_PICKER, FORMATS, UNREADABLE
from whisper_appliance.core.errors import NoAudio, Undecodable

pytestmark = pytest.mark.slow  # decodes many files in a process each

LIMITS = DecodeLimits(max_seconds=120)
SECONDS = 9.96  # of beckett
ENCODED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "WAV": ("wav", "pcm_s24le", {"rate": 44_100, "options": {"rf64": "always"}}),
    "Wave64": ("w64", "pcm_s16le", {}),
    "AIFF": ("aiff", "pcm_s16be", {}),
    "AU": ("au", "pcm_mulaw", {"rate": 8_000}),
    "CAF": ("caf", "pcm_s16be", {}),
    "VOC": ("voc", "pcm_u8", {}),
    "NUT": ("nut", "libopus", {"rate": 48_000}),
    "LATM": ("latm", "aac", {"rate": 44_100}),
    "FLAC": ("flac", "flac", {}),
    "WavPack": ("wv", "wavpack", {}),
    "TTA": ("tta", "tta", {}),
    "MP3": ("mp3", "libmp3lame", {}),
    "AAC": ("adts", "aac", {}),
    "AC-3": ("eac3", "eac3", {"rate": 48_000}),
    "AMR": ("amr", "libopencore_amrnb", {"rate": 8_000}),
    "Ogg": ("ogg", "libopus", {"rate": 48_000}),
    "MP4": ("mp4", "alac", {}),
    "Matroska": ("matroska", "wavpack", {}),
    "MPEG-TS": ("mpegts", "aac", {"rate": 48_000}),
    "MPEG-PS": ("mpeg", "mp2", {"rate": 48_000}),
    "AVI": ("avi", "libmp3lame", {"rate": 44_100}),
    "Flash Video": ("flv", "aac", {"rate": 44_100}),
    "Windows Media": ("asf", "wmav2", {"rate": 44_100, "layout": "stereo"}),
    "G.722": ("g722", "g722", {}),
    "A-law": ("alaw", "pcm_alaw", {"rate": 8_000}),
    "PCM 16 kHz": ("s16le", "pcm_s16le", {"rate": 16_000}),
    "µ-law": ("mulaw", "pcm_mulaw", {"rate": 8_000}),
}
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(22_050) / 44_100)).astype(np.float32)
WRITTEN: dict[str, tuple[Callable[[], bytes], float]] = {
    "GSM 06.10": (lambda: media_bytes.gsm(3), 3.0),
    "AMR-WB": (lambda: media_bytes.amr_wb(3, header=False), 3.0),
    "DSF": (lambda: media_bytes.dsf(TONE), 0.5),
    "DSS": (lambda: media_bytes.dss(3), 3.0),
    "DTS": (lambda: media_bytes.dts(3), 3.0),
}


def seconds_of(path: Path, sound: Sound | None = None) -> float:
    with decode(path, folder=path.parent, limits=LIMITS, sound=sound) as recording:
        list(recording.blocks())
        assert recording.seconds is not None
        return recording.seconds


@pytest.mark.parametrize("row", FORMATS, ids=[row.name for row in FORMATS])
def test_a_file_of_every_row_is_decoded_whatever_its_name(row: Any, beckett: Path, tmp_path: Path) -> None:
    path, seconds = tmp_path / "recording", SECONDS
    if row.name in WRITTEN:
        write, seconds = WRITTEN[row.name]
        path.write_bytes(write())
    elif row.name == "AMR-NB":
        encode(beckett, path, "libopencore_amrnb", rate=8_000, container="amr")
        path.write_bytes(path.read_bytes().removeprefix(b"#!AMR\n"))
    else:
        container, codec, how = ENCODED[row.name]
        encode(beckett, path, codec, container=container, **how)
    hint = Sound(extension=row.extensions[0] if row.raw else "txt")
    assert seconds_of(path, hint) == pytest.approx(seconds, abs=0.25)


def test_gsm_is_told_by_its_frames_and_read_in_wav(tmp_path: Path) -> None:
    (tmp_path / "nameless").write_bytes(media_bytes.gsm(3))
    (tmp_path / "a.wav").write_bytes(media_bytes.gsm_in_wav(3))
    assert seconds_of(tmp_path / "nameless") == pytest.approx(3)
    assert seconds_of(tmp_path / "a.wav") == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("wav", "g722", 16_000),
        ("wav", "g726", 8_000),
        ("wav", "adpcm_yamaha", 44_100),
        ("au", "g726le", 8_000),
        ("matroska", "eac3", 48_000),
        ("flv", "nellymoser", 44_100),
        ("vob", "pcm_dvd", 48_000),
        ("mpegts", "pcm_bluray", 48_000),
    ],
)
def test_unusual_codecs_in_common_containers_are_decoded(
    container: str, codec: str, rate: int, beckett: Path, tmp_path: Path
) -> None:
    options = {"mpegts_m2ts_mode": "1"} if codec == "pcm_bluray" else None
    path = encode(beckett, tmp_path / "a", codec, rate=rate, container=container, options=options)
    assert seconds_of(path) == pytest.approx(SECONDS, abs=0.15)


@pytest.mark.parametrize(
    ("container", "codec", "rate", "layout", "packet", "samples"),
    [
        ("mpegts", "s302m", 48_000, "stereo", b"\x12\xc0\0\0" + bytes(4800), 960),
        ("mov", "evrc", 8_000, "mono", b"\x04" + bytes(22), 160),
        ("mov", "qcelp", 8_000, "mono", b"\x04" + bytes(34), 160),
    ],
)
def test_codecs_without_an_encoder_are_decoded(
    container: str, codec: str, rate: int, layout: str, packet: bytes, samples: int, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_mux_stream(codec, rate=rate, layout=layout)
        for index in range(3 * rate // samples):
            one = av.Packet(packet)
            one.stream, one.time_base = stream, Fraction(1, rate)
            one.pts = one.dts = index * samples
            one.duration = samples
            out.mux(one)
    assert seconds_of(path) == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    ("tag", "bits", "block", "extra", "size"),
    [(0x10, 4, 1, b"", 12_000), (0x17, 4, 1, b"", 12_000), (0x22, 1, 32, bytes(32), 3_200)],
    ids=["adpcm_ima_oki", "Dialogic", "truespeech"],
)
def test_wav_of_telephony_is_decoded(
    tag: int, bits: int, block: int, extra: bytes, size: int, tmp_path: Path
) -> None:
    data = np.random.default_rng(tag).bytes(size)
    (tmp_path / "a").write_bytes(media_bytes.coded_wav(data, tag=tag, bits=bits, block=block, extra=extra))
    assert seconds_of(tmp_path / "a") == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize(("packing", "samples_a_byte"), [(1, 2), (2, 3), (3, 4)])
def test_packed_voc_is_decoded(packing: int, samples_a_byte: int, tmp_path: Path) -> None:
    data = np.random.default_rng(packing).bytes(24_000 // samples_a_byte)
    (tmp_path / "a").write_bytes(media_bytes.voc(data, packing))
    assert seconds_of(tmp_path / "a") == pytest.approx(3, abs=0.01)


def test_dts_gives_its_sound(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(media_bytes.dts(3))
    with decode(tmp_path / "a", folder=tmp_path, limits=LIMITS) as recording:
        samples = np.concatenate(list(recording.blocks()))
    assert np.abs(np.fft.rfft(samples[8_000:24_000])).argmax() == pytest.approx(187, abs=1)


PREFIXES = {
    "tag": media_bytes.id3(300),
    "large tag": media_bytes.id3(40_000),
    "two tags": media_bytes.id3(300) + media_bytes.id3(20),
    "byte order mark": b"\xef\xbb\xbf",
    "zeros": bytes(40_000),
    "garbage": np.random.default_rng(1).bytes(777),
    "http": b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 96078\r\n\r\n",
    "form": b'--x1\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n',
}


@pytest.mark.parametrize(
    ("prefix", "row"),
    [
        *((prefix, row) for row in ("WAV", "MP3") for prefix in PREFIXES),
        *(("two tags", row) for row in ("FLAC", "TTA", "AAC")),
        *(("http", row) for row in ("FLAC", "Ogg", "MP4", "Matroska", "AMR")),
    ],
)
def test_what_stands_before_the_sound_is_no_damage(
    prefix: str, row: str, beckett: Path, tmp_path: Path
) -> None:
    container, codec, how = ENCODED[row]
    path = encode(beckett, tmp_path / "a", codec, container=container, **how)
    path.write_bytes(PREFIXES[prefix] + path.read_bytes())
    with decode(path, folder=tmp_path, limits=LIMITS) as recording:
        samples = sum(map(len, recording.blocks()))
        assert recording.notices == ()
        assert recording.media is not None
    assert samples / 16_000 == pytest.approx(SECONDS, abs=0.15)


@pytest.mark.parametrize("row", ["WAV", "FLAC", "Ogg", "MP4", "Matroska"])
def test_sound_is_found_behind_much_that_is_none_but_not_behind_more(
    row: str, beckett: Path, tmp_path: Path
) -> None:
    container, codec, how = ENCODED[row]
    path = encode(beckett, tmp_path / "a", codec, container=container, **how)
    content, foreign = path.read_bytes(), b"Not sound. " * 100_000
    path.write_bytes(foreign[:500_000] + content)
    assert seconds_of(path) == pytest.approx(SECONDS, abs=0.15)
    path.write_bytes(foreign + content)
    with pytest.raises(Undecodable, match="can't be read as audio"):
        seconds_of(path)


def test_an_mp4_that_begins_with_free_space_keeps_its_places(beckett: Path, tmp_path: Path) -> None:
    path = encode(beckett, tmp_path / "a", "aac", container="mp4", rate=44_100)
    content = bytearray(path.read_bytes())
    table = content.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", content, table)
    places = struct.unpack_from(f">{count}I", content, table + 4)
    struct.pack_into(f">{count}I", content, table + 4, *(place + 8 for place in places))
    path.write_bytes(b"\0\0\0\x08free" + content)
    with decode(path, folder=tmp_path, limits=LIMITS) as recording:
        samples = sum(map(len, recording.blocks()))
        assert recording.notices == ()
    assert samples / 16_000 == pytest.approx(SECONDS, abs=0.15)


def test_a_cut_or_joined_file_behind_a_tag_is_recognized(beckett: Path, tmp_path: Path) -> None:
    path = encode(beckett, tmp_path / "a", "pcm_s16le", container="wav")
    whole = path.read_bytes()
    path.write_bytes(media_bytes.id3(300) + whole + whole)
    assert seconds_of(path) == pytest.approx(2 * SECONDS, abs=0.05)
    path.write_bytes(media_bytes.id3(300) + whole[: len(whole) // 2])
    with decode(path, folder=tmp_path, limits=LIMITS) as recording:
        list(recording.blocks())
        assert [notice.code for notice in recording.notices] == ["damaged"]


def test_an_empty_file_and_one_sample_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    with pytest.raises(NoAudio, match=r"This file is empty\."):
        seconds_of(path)
    for samples in (1, 1_500):
        write_samples(path, np.full((1, samples), 0.1, np.float32), "pcm_s16le")
        with pytest.raises(NoAudio, match="less than a tenth of a second"):
            seconds_of(path)
    write_samples(path, np.full((1, 1_600), 0.1, np.float32), "pcm_s16le")
    assert seconds_of(path) == pytest.approx(0.1)


def test_the_name_of_a_raw_format_does_not_hide_a_header(beckett: Path, tmp_path: Path) -> None:
    path = encode(beckett, tmp_path / "a.g722", "flac", container="flac")
    assert seconds_of(path) == pytest.approx(SECONDS, abs=0.05)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("DS2 (DSS Pro)", b"\x03ds2" + bytes(4000)),
        ("MSV/DVF (Sony)", b"MS_VOICE" + bytes(4000)),
        ("AAX (Audible)", media_bytes.protected_mp4(b"aax ")),
        ("M4P (iTunes)", media_bytes.protected_mp4(b"M4P ")),
        ("WMA (DRM)", media_bytes.drm_asf()),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_with_the_way_out(
    name: str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "dictation.mp3"
    path.write_bytes(content)
    with pytest.raises(Undecodable) as refused:
        seconds_of(path)
    assert name in refused.value.message
    assert refused.value.message.endswith(next(row.way_out for row in UNREADABLE if row.name == name))


def test_every_extension_is_in_the_file_picker() -> None:
    assert set(FILE_PICKER.split(",")) == {"audio/*", "video/*", *(f".{one}" for one in EXTENSIONS)}


def test_the_documentation_lists_every_row() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    for row in FORMATS:
        assert f"| {row.name} | {', '.join(f'`.{one}`' for one in row.extensions)} |" in page
