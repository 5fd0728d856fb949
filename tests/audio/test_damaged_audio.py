"""Damaged files: the readable part is decoded, the damage is reported, and times stay those of the file."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support.audio import encode, tone
from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.core.errors import AudioError, Undecodable
from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.model import Notice

pytestmark = pytest.mark.slow  # decodes many files in a process each

LIMITS = DecodeLimits(max_seconds=120)
SECONDS = 9.96  # of beckett


def decoded(path: Path) -> tuple[np.ndarray, tuple[Notice, ...]]:
    with decode(path, folder=path.parent, limits=LIMITS) as recording:
        return np.concatenate(list(recording.blocks())), recording.notices


def truncated(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    return path


def scratched(path: Path, at: float, size: int = 2000) -> Path:
    """Zeros over `size` bytes, `at` a share of the file."""
    content = bytearray(path.read_bytes())
    start = round(len(content) * at)
    content[start : start + size] = bytes(size)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "how"),
    [
        ("a.flac", "flac", {"rate": 44_100}),
        ("a.m4a", "aac", {"rate": 44_100, "container": "mp4", "options": {"movflags": "faststart"}}),
    ],
)
def test_the_first_half_of_a_truncated_file_is_decoded_and_the_rest_reported(
    name: str, codec: str, how: dict[str, Any], beckett: Path, tmp_path: Path
) -> None:
    samples, notices = decoded(truncated(encode(beckett, tmp_path / name, codec, **how), 0.5))
    assert 3 < len(samples) / 16_000 < 7
    (notice,) = notices
    assert notice.code == "damaged"
    assert format_duration(len(samples) / 16_000) in notice.message
    assert "0:09" in notice.message


def test_half_an_mp3_is_decoded(beckett: Path, tmp_path: Path) -> None:
    samples, _ = decoded(truncated(encode(beckett, tmp_path / "a.mp3", "libmp3lame", rate=44_100), 0.5))
    assert 4 < len(samples) / 16_000 < 6


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("webm", "libopus", {"live": "1"}),
        ("matroska", "flac", {}),
        ("ogg", "libopus", {}),
        ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "1000000"}),
    ],
)
def test_a_cut_file_gives_what_is_there_and_a_warning_that_says_where(
    container: str, codec: str, options: dict[str, str], beckett: Path, tmp_path: Path
) -> None:
    source = encode(beckett, tmp_path / "a", codec, rate=48_000, container=container, options=options)
    assert decoded(source)[1] == ()
    samples, (notice,) = decoded(truncated(source, 0.7))
    assert 5 < len(samples) / 16_000 < 8
    assert f"up to {format_duration(len(samples) / 16_000)}" in notice.message


@pytest.mark.parametrize(
    ("name", "codec", "how"),
    [
        ("a.flac", "flac", {"rate": 44_100}),
        ("a.mp3", "libmp3lame", {"rate": 44_100}),
        ("a.aac", "aac", {"rate": 44_100}),
        ("a.m4a", "aac", {"rate": 44_100, "container": "mp4"}),
        ("a.webm", "libopus", {"rate": 48_000}),
    ],
)
def test_audio_after_a_damaged_part_is_decoded(
    name: str, codec: str, how: dict[str, Any], beckett: Path, tmp_path: Path
) -> None:
    samples, _ = decoded(scratched(encode(beckett, tmp_path / name, codec, **how), 0.4))
    assert len(samples) / 16_000 > 0.85 * SECONDS


def test_a_damaged_part_of_an_mp4_is_reported_and_shifts_no_time(beckett: Path, tmp_path: Path) -> None:
    whole = encode(beckett, tmp_path / "a.m4a", "aac", rate=44_100, container="mp4")
    good, _ = decoded(whole)
    samples, (notice,) = decoded(scratched(whole, 0.4, 10_000))
    assert len(samples) == pytest.approx(len(good), abs=0.2 * 16_000)
    assert np.corrcoef(samples[-32_000:], good[len(good) - 32_000 :])[0, 1] > 0.9
    assert re.search(r"About \d s of it could not be read, at 0:0\d or later", notice.message)


def test_a_file_of_which_nothing_can_be_read_is_undecodable(beckett: Path, tmp_path: Path) -> None:
    for name, codec, rate in (("a.m4a", "aac", 44_100), ("a.flac", "flac", 16_000)):
        source = truncated(
            encode(beckett, tmp_path / name, codec, rate=rate, container="mp4" if name == "a.m4a" else None),
            0.3,
        )
        if name == "a.flac":
            scratched(source, 0.0, 10**6)
        with pytest.raises(Undecodable), decode(source, folder=tmp_path, limits=LIMITS) as recording:
            list(recording.blocks())


def test_a_later_piece_of_a_webm_alone_is_undecodable(beckett: Path, tmp_path: Path) -> None:
    source = encode(beckett, tmp_path / "a.webm", "libopus", rate=48_000)
    content = source.read_bytes()
    source.write_bytes(content[len(content) // 2 :])
    with pytest.raises(AudioError), decode(source, folder=tmp_path, limits=LIMITS) as recording:
        list(recording.blocks())


def stamped(target: Path, starts: list[tuple[float, float]], picture_at: float | None = None) -> Path:
    """A Matroska file with tones of some seconds at some times, and a picture at another, if wanted."""
    with av.open(str(target), "w", format="matroska") as out:
        sound = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        if picture_at is not None:
            film = out.add_stream("mpeg4", rate=10)
            film.width, film.height, film.pix_fmt = 64, 64, "yuv420p"
            picture = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
            picture.pts, picture.time_base = round(picture_at * 10), Fraction(1, 10)
            out.mux(film.encode(picture))
            out.mux(film.encode(None))
        for start, seconds in starts:
            for frame in tone(seconds):
                frame.pts = (frame.pts or 0) + round(start * 16_000)
                out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return target


def sounds(samples: np.ndarray) -> list[tuple[float, float]]:
    """From when to when something sounds, in tenths of a second."""
    loud = [
        float(np.abs(part).max()) > 0.01 for part in np.array_split(samples, max(1, len(samples) // 1600))
    ]
    edges = np.flatnonzero(np.diff([False, *loud, False]))
    return [(float(a) / 10, float(b) / 10) for a, b in edges.reshape(-1, 2)]


def test_a_gap_between_timestamps_becomes_silence(tmp_path: Path) -> None:
    samples, notices = decoded(stamped(tmp_path / "a.mkv", [(0, 2), (5, 1)]))
    assert sounds(samples) == [(0.0, 2.0), (5.0, 6.0)]
    assert notices == ()


def test_audio_that_begins_after_the_video_keeps_its_time(tmp_path: Path) -> None:
    samples, _ = decoded(stamped(tmp_path / "a.mkv", [(1.5, 2)], picture_at=0))
    assert sounds(samples) == [(1.5, 3.5)]


def test_a_jump_of_the_timestamps_adds_no_hours(tmp_path: Path) -> None:
    samples, _ = decoded(stamped(tmp_path / "a.mkv", [(1000, 1), (90_000, 1)]))
    assert len(samples) == pytest.approx(2 * 16_000, abs=160)


def test_a_change_of_the_sample_rate_is_resampled(beckett: Path, tmp_path: Path) -> None:
    first = encode(beckett, tmp_path / "a.aac", "aac", rate=44_100).read_bytes()
    second = encode(beckett, tmp_path / "b.aac", "aac", rate=22_050, layout="stereo").read_bytes()
    (tmp_path / "both.aac").write_bytes(first + second)
    samples, _ = decoded(tmp_path / "both.aac")
    assert len(samples) / 16_000 == pytest.approx(2 * SECONDS, abs=0.3)
