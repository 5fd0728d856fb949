"""Damaged files: the readable part is decoded, the damage is reported, and times stay those of the file."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support import media_bytes
from tests.support.audio import encode, samples_of, tone, video, write_samples
from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.core.errors import AudioError, Undecodable
from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.model import Notice

pytestmark = pytest.mark.slow  # decodes many files in a process each

LIMITS = DecodeLimits(max_seconds=120)
SECONDS = 9.96  # of beckett
CLIP_SECONDS = 3.0


def decoded(path: Path) -> tuple[np.ndarray, tuple[Notice, ...]]:
    with decode(path, folder=path.parent, limits=LIMITS) as recording:
        return np.concatenate(list(recording.blocks())), recording.notices


@pytest.fixture(scope="module")
def clip(beckett: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first `CLIP_SECONDS` of beckett."""
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    return write_samples(path, samples_of(beckett, 0, CLIP_SECONDS)[None], "pcm_s16le")


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


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("webm", "libopus", {"live": "1"}),
        ("matroska", "flac", {}),
        ("ogg", "libopus", {"page_duration": "200000"}),
        ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}),
        ("wav", "pcm_s16le", {}),
        ("wav", "pcm_s24le", {"rf64": "always"}),
        ("w64", "pcm_s16le", {}),
        ("caf", "pcm_s16be", {}),
        ("aiff", "pcm_s16be", {}),
        ("au", "pcm_s16be", {}),
        ("avi", "pcm_s16le", {}),
        ("mp3", "libmp3lame", {}),
        ("mp3", "libmp3lame", {"write_xing": "0"}),
        ("mp2", "mp2", {}),
        ("adts", "aac", {}),
        ("amr", "libopencore_amrnb", {}),
        ("asf", "wmav2", {}),
        ("ac3", "ac3", {}),
        ("eac3", "eac3", {}),
        ("wv", "wavpack", {}),
        ("voc", "pcm_s16le", {}),
        ("latm", "aac", {}),
    ],
)
def test_a_cut_file_gives_what_is_there_and_a_warning_that_says_where(
    container: str, codec: str, options: dict[str, str], clip: Path, tmp_path: Path
) -> None:
    rate = 8_000 if container == "amr" else 48_000
    source = encode(clip, tmp_path / "a", codec, rate=rate, container=container, options=options)
    assert decoded(source)[1] == ()
    samples, (notice,) = decoded(truncated(source, 0.7))
    assert 0.5 * CLIP_SECONDS < len(samples) / 16_000 < 0.8 * CLIP_SECONDS
    assert f"up to {format_duration(len(samples) / 16_000)}" in notice.message


def test_an_mp4_without_its_end_is_refused_with_the_reason(clip: Path, tmp_path: Path) -> None:
    source = encode(clip, tmp_path / "a.m4a", "aac", rate=44_100, container="mp4")
    with pytest.raises(Undecodable) as refused:
        decoded(truncated(source, 0.7))
    assert "index" in refused.value.message


@pytest.mark.parametrize("unknown", [0, 0xFFFFFFFF])
def test_a_wav_that_does_not_know_its_length_is_whole(unknown: int, clip: Path, tmp_path: Path) -> None:
    content = bytearray(clip.read_bytes())
    data = content.index(b"data")
    content[data + 4 : data + 8] = content[4:8] = unknown.to_bytes(4, "little")
    (tmp_path / "stream.wav").write_bytes(content)
    samples, notices = decoded(tmp_path / "stream.wav")
    assert len(samples) / 16_000 == pytest.approx(CLIP_SECONDS)
    assert notices == ()


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


@pytest.mark.parametrize(
    ("name", "codecs", "rate", "packet_bytes"),
    [
        ("a.ts", ("mpeg2video", "mp2"), 48_000, 188),
        ("a.m2ts", ("mpeg2video", "mp2"), 48_000, 192),
        ("a.vob", ("mpeg2video", "mp2"), 48_000, 2048),
        ("a.flv", ("flv", "libmp3lame"), 44_100, 100),
    ],
)
def test_a_film_that_is_cut_in_its_pictures_is_reported(
    name: str, codecs: tuple[str, str], rate: int, packet_bytes: int, clip: Path, tmp_path: Path
) -> None:
    source = video(clip, tmp_path / name, *codecs, rate=rate)
    assert decoded(source)[1] == ()
    content = source.read_bytes()
    middle = len(content) // packet_bytes // 2
    for packet in range(middle, middle + 10):
        source.write_bytes(content[: packet * packet_bytes + 100])
        samples, notices = decoded(source)
        assert [notice.code for notice in notices] == ["damaged"]
        assert len(samples) / 16_000 < CLIP_SECONDS


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.flac", "flac"), ("a.caf", "alac")])
def test_a_file_that_ends_before_its_sound_or_index_is_refused_with_the_reason(
    name: str, codec: str, clip: Path, tmp_path: Path
) -> None:
    source = encode(clip, tmp_path / name, codec)
    content, picture = source.read_bytes(), 40_000
    if name == "a.mp3":
        source.write_bytes(media_bytes.id3(picture)[: picture // 2])
    elif name == "a.flac":
        source.write_bytes(content[:42] + b"\x06" + picture.to_bytes(3, "big") + bytes(picture // 2))
    else:
        truncated(source, 0.7)
    with pytest.raises(Undecodable, match="The end of this file is missing"):
        decoded(source)


def test_padding_behind_the_last_frame_is_no_damage(tmp_path: Path) -> None:
    gsm, one_byte_more = media_bytes.gsm_in_wav(3), bytearray(media_bytes.gsm_in_wav(3)) + b"\0"
    size = gsm.index(b"data") + 4
    one_byte_more[size : size + 4] = (len(gsm) - size - 3).to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(one_byte_more)
    assert decoded(tmp_path / "a.wav")[1] == ()


def test_a_voc_whose_block_has_a_length_that_is_too_small_is_whole(tmp_path: Path) -> None:
    content = bytearray(media_bytes.voc(np.random.default_rng(1).bytes(8_000), 1))
    length = int.from_bytes(content[27:30], "little") - 8
    content[27:30] = length.to_bytes(3, "little")
    content[30 + length :] = b"\x66\xff\xff\xff\x11\x22\x33\x44\0"
    (tmp_path / "a.voc").write_bytes(content)
    assert decoded(tmp_path / "a.voc")[1] == ()


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


def stamped(
    target: Path, starts: list[tuple[float, float]], picture_at: float | None = None, pictures: str = "mpeg4"
) -> Path:
    """A Matroska file with tones of some seconds at some times, and a picture at another, if wanted."""
    with av.open(str(target), "w", format="matroska") as out:
        sound = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        if picture_at is not None:
            film = out.add_stream(pictures, rate=10)
            assert isinstance(film, av.VideoStream)
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


@pytest.mark.parametrize("pictures", ["mpeg4", "libx264"])
def test_audio_that_begins_after_the_video_keeps_its_time(pictures: str, tmp_path: Path) -> None:
    samples, _ = decoded(stamped(tmp_path / "a.mkv", [(1.5, 2)], picture_at=0, pictures=pictures))
    assert sounds(samples) == [(1.5, 3.5)]


def test_a_jump_of_the_timestamps_adds_no_hours(tmp_path: Path) -> None:
    samples, _ = decoded(stamped(tmp_path / "a.mkv", [(1000, 1), (90_000, 1)]))
    assert len(samples) == pytest.approx(2 * 16_000, abs=160)


@pytest.mark.parametrize(
    ("codec", "options"), [("aac", {}), ("libmp3lame", {"write_xing": "0", "id3v2_version": "0"})]
)
@pytest.mark.parametrize("rates", [(44_100, 22_050), (22_050, 48_000)])
def test_a_change_of_the_sample_rate_is_resampled(
    rates: tuple[int, int], codec: str, options: dict[str, str], clip: Path, tmp_path: Path
) -> None:
    container = "adts" if codec == "aac" else "mp3"
    parts = [
        encode(
            clip, tmp_path / f"{rate}", codec, rate=rate, layout=layout, container=container, options=options
        )
        for rate, layout in zip(rates, ("mono", "stereo"), strict=True)
    ]
    samples, _ = decoded(media_bytes.joined(tmp_path / "both", *parts))
    assert len(samples) / 16_000 == pytest.approx(2 * CLIP_SECONDS, abs=0.3)
