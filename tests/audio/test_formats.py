"""The table of formats: a file of every row is decoded, and what cannot be read is refused by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import media_bytes
from tests.support.audio import encode
from whisper_appliance.audio.decode import DecodeLimits, Sound, decode
from whisper_appliance.audio.formats import EXTENSIONS, FILE_PICKER, FORMATS, UNREADABLE
from whisper_appliance.core.errors import Undecodable

pytestmark = pytest.mark.slow  # decodes many files in a process each

LIMITS = DecodeLimits(max_seconds=120)
SECONDS = 9.96  # of beckett
ENCODED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "WAV": ("wav", "pcm_s24le", {"rate": 44_100, "options": {"rf64": "always"}}),
    "Wave64": ("w64", "pcm_s16le", {}),
    "AIFF": ("aiff", "pcm_s16be", {}),
    "AU": ("au", "pcm_mulaw", {"rate": 8_000}),
    "CAF": ("caf", "pcm_s16be", {}),
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
    [("wav", "g722", 16_000), ("matroska", "eac3", 48_000)],
)
def test_unusual_codecs_in_common_containers_are_decoded(
    container: str, codec: str, rate: int, beckett: Path, tmp_path: Path
) -> None:
    path = encode(beckett, tmp_path / "a", codec, rate=rate, container=container)
    assert seconds_of(path) == pytest.approx(SECONDS, abs=0.15)


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
