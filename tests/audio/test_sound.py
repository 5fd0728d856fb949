"""Which sound is taken, and how: the track, the channels, the level; and all parts to the end."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.audio import encode, samples_of, two_tracks, write_samples
from tests.support.media_bytes import joined
from whisper_appliance.audio.decode import DecodeLimits, Recording, Sound, decode
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.samples import Samples

LIMITS = DecodeLimits(max_seconds=120)


def sound_of(path: Path, sound: Sound | None = None) -> tuple[Samples, Recording]:
    with decode(path, folder=path.parent, limits=LIMITS, sound=sound) as recording:
        return np.concatenate(list(recording.blocks())), recording


@pytest.fixture(scope="module")
def speech(beckett: Path) -> Samples:
    return samples_of(beckett)


def likeness(one: Samples, other: Samples) -> float:
    length = min(len(one), len(other))
    return float(np.corrcoef(one[:length], other[:length])[0, 1])


def lag(said: Samples, samples: Samples) -> int:
    """After how many samples something begins that was said."""
    return int(np.correlate(samples, said, "valid").argmax()) if len(samples) >= len(said) else -1


@pytest.mark.parametrize(("default", "taken", "language"), [(2, 2, "eng"), (1, 1, "deu")])
def test_the_default_track_is_taken_and_told(
    default: int, taken: int, language: str, beckett: Path, tmp_path: Path
) -> None:
    samples, recording = sound_of(two_tracks(tmp_path / "a.mkv", beckett, default))
    assert recording.tracks is not None
    assert (recording.tracks.taken, recording.tracks.count) == (taken, 2)
    assert recording.tracks.language.startswith(language[:2])
    assert samples.any() == (taken == 2)


def test_another_track_can_be_chosen_but_not_one_that_is_not_there(beckett: Path, tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mkv", beckett, default=2)
    samples, recording = sound_of(path, Sound(track=1))
    assert recording.tracks is not None
    assert recording.tracks.taken == 1
    assert not samples.any()
    with pytest.raises(InvalidRequest) as refused:
        sound_of(path, Sound(track=3))
    assert refused.value.field == "track"


@pytest.mark.parametrize("layout", ["stereo", "5.1"])
def test_channels_that_cancel_out_are_used_one_by_one(layout: str, speech: Samples, tmp_path: Path) -> None:
    channels = np.zeros((2 if layout == "stereo" else 6, len(speech)), np.float32)
    channels[0], channels[1] = speech, -speech
    samples, _ = sound_of(write_samples(tmp_path / "a.wav", channels, "pcm_s16le", layout))
    assert likeness(samples, speech) > 0.99
    assert np.abs(samples).max() == pytest.approx(np.abs(speech).max(), rel=0.05)


def test_a_channel_can_be_taken_alone(speech: Samples, tmp_path: Path) -> None:
    both = np.stack([speech, speech[::-1]])
    path = write_samples(tmp_path / "a.wav", both, "pcm_s16le", "stereo")
    for channel in (0, 1):
        assert likeness(sound_of(path, Sound(channel=channel))[0], both[channel]) > 0.99
    assert not sound_of(path, Sound(channel=2))[0].any()


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_s24le"])
def test_speech_at_minus_60_db_is_brought_to_level(codec: str, speech: Samples, tmp_path: Path) -> None:
    faint = speech / np.abs(speech).max() / 1000
    samples, _ = sound_of(write_samples(tmp_path / "a.wav", faint[None], codec))
    assert 0.2 < np.abs(samples).max() <= 1
    assert likeness(samples, speech) > 0.98  # 24 bits at -60 dB are 14 bits


def beside(kind: str, seconds: float = 10.0) -> Samples:
    """Sound that hides faint speech from a meter, but from nobody's ears."""
    times = np.arange(round(seconds * 16_000)) / 16_000
    click, pop = np.zeros_like(times), np.exp(-np.abs(times - 2.0) / 0.03) * np.sin(2 * np.pi * 70 * times)
    click[32_000:32_020] = np.hanning(20)
    noise, after = np.random.default_rng(1).normal(0, 0.25, len(times)).clip(-0.9, 0.9), times - 2.0
    waves = {
        "slam": np.where(after >= 0, noise * np.exp(-after / 0.09), 0),  # -60 dB after 0.6 s
        "burst": np.where((after >= 0) & (after < 0.3), noise, 0),
        "offset": np.full_like(times, 0.1),
        "drift": 0.3 * np.cos(2 * np.pi * times / 20),
        "click": 0.9 * click,
        "clicks": 0.9 * (click + np.roll(click, 16_000) + np.roll(click, -16_000)),
        "pop": 0.9 * pop,
        "hum": 0.9 * np.sin(2 * np.pi * 50 * times),
        "overtones": 0.1 * np.sin(2 * np.pi * 60 * times) + 0.02 * np.sin(2 * np.pi * 120 * times),
    }
    return waves[kind].astype(np.float32)


@pytest.mark.parametrize(
    "kind", ["offset", "drift", "click", "clicks", "pop", "hum", "overtones", "slam", "burst"]
)
@pytest.mark.parametrize("decibels", [-50, -60])
def test_faint_speech_is_brought_to_level_whatever_is_beside_it(
    kind: str, decibels: int, speech: Samples, tmp_path: Path
) -> None:
    faint = speech / np.abs(speech).max() * 10 ** (decibels / 20)
    noise = np.resize(beside(kind), len(speech))
    samples, _ = sound_of(write_samples(tmp_path / "a.wav", (faint + noise)[None], "pcm_f32le"))
    alone, _ = sound_of(write_samples(tmp_path / "b.wav", faint[None], "pcm_f32le"))
    said = slice(64_000, 144_000)
    assert np.abs(samples).max() <= 1.0001
    assert np.abs(samples[said]).max() > 0.2
    assert likeness(samples[said], alone[said]) > 0.85  # without its lowest frequencies


@pytest.mark.parametrize("kind", ["offset", "click", "pop", "slam", "burst"])
def test_what_is_beside_speech_of_an_ordinary_level_stays_as_it_is(
    kind: str, speech: Samples, tmp_path: Path
) -> None:
    both = (speech / np.abs(speech).max() * 0.1 + np.resize(beside(kind), len(speech))).astype(np.float32)
    assert np.abs(both).max() <= 1
    samples, _ = sound_of(write_samples(tmp_path / "a.wav", both[None], "pcm_f32le"))
    assert np.array_equal(samples, both)


def test_steady_noise_beside_a_slam_is_not_brought_to_level(tmp_path: Path) -> None:
    slam = beside("slam")
    noisy = (slam + np.random.default_rng(2).normal(0, 1e-4, len(slam))).astype(np.float32)
    samples, _ = sound_of(write_samples(tmp_path / "a.wav", noisy[None], "pcm_f32le"))
    assert np.array_equal(samples, noisy)


def test_a_word_that_is_near_is_not_clipped_beside_faint_speech(speech: Samples, tmp_path: Path) -> None:
    faint = speech / np.abs(speech).max() / 1000
    faint[80_000:83_200] *= 300  # louder, for 0.2 s
    samples, _ = sound_of(write_samples(tmp_path / "a.wav", faint[None], "pcm_f32le"))
    assert np.abs(samples).max() <= 1.0001
    assert likeness(samples[80_400:82_800], faint[80_400:82_800]) > 0.8


def test_peaks_over_full_scale_are_scaled_and_not_clipped(speech: Samples, tmp_path: Path) -> None:
    loud = speech / np.abs(speech).max() * 8
    samples, _ = sound_of(write_samples(tmp_path / "a.wav", loud[None], "pcm_f32le"))
    assert np.abs(samples).max() == pytest.approx(1, abs=0.01)
    assert likeness(samples, speech) > 0.999


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_silence(value: float, speech: Samples, tmp_path: Path) -> None:
    broken = speech.copy()
    broken[8_000::40_000] = value
    path = write_samples(tmp_path / "a.wav", speech[None], "pcm_f32le")
    content = path.read_bytes()
    path.write_bytes(content.replace(speech.astype("<f4").tobytes(), broken.astype("<f4").tobytes()))
    assert path.read_bytes() != content
    samples, _ = sound_of(path)
    assert np.isfinite(samples).all()
    assert likeness(samples, speech) > 0.98


def test_silence_and_the_noise_of_a_converter_stay_as_they_are(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-2e-5, 2e-5, (1, 160_000)).astype(np.float32)
    samples, _ = sound_of(write_samples(tmp_path / "a.wav", noise, "pcm_f32le"))
    assert np.abs(samples).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("container", "codec", "rates", "layouts"),
    [
        ("ogg", "libopus", (48_000, 16_000), ("mono", "stereo")),
        ("ogg", "vorbis", (44_100, 22_050), ("stereo", "stereo")),
        ("mp3", "libmp3lame", (44_100, 16_000), ("stereo", "mono")),
        ("adts", "aac", (48_000, 16_000), ("stereo", "mono")),
        ("wav", "pcm_s16le", (44_100, 16_000), ("stereo", "mono")),
        ("w64", "pcm_s16le", (44_100, 16_000), ("stereo", "mono")),
        ("aiff", "pcm_s16be", (44_100, 16_000), ("stereo", "mono")),
        ("au", "pcm_s16be", (44_100, 16_000), ("stereo", "mono")),
        ("caf", "pcm_s16be", (44_100, 16_000), ("stereo", "mono")),
        ("flac", "flac", (44_100, 16_000), ("stereo", "mono")),
        ("amr", "libopencore_amrnb", (8_000, 8_000), ("mono", "mono")),
        ("mp4", "aac", (48_000, 16_000), ("stereo", "mono")),
        ("matroska", "flac", (48_000, 16_000), ("stereo", "mono")),
        ("asf", "wmav2", (44_100, 16_000), ("stereo", "mono")),
        ("mpegts", "aac", (48_000, 48_000), ("stereo", "stereo")),
        ("wv", "wavpack", (44_100, 16_000), ("stereo", "mono")),
        ("voc", "pcm_s16le", (44_100, 16_000), ("stereo", "mono")),
        ("latm", "aac", (48_000, 16_000), ("stereo", "mono")),
        ("ac3", "ac3", (48_000, 44_100), ("stereo", "mono")),
    ],
)
def test_all_parts_of_a_joined_file_are_read(
    container: str, codec: str, rates: tuple[int, int], layouts: tuple[str, str],
    speech: Samples, tmp_path: Path,
) -> None:  # fmt: skip
    said = speech[:48_000]
    source = write_samples(tmp_path / "a.wav", said[None], "pcm_s16le")
    parts = [
        encode(source, tmp_path / f"{number}", codec, rate=rate, layout=layout, container=container)
        for number, (rate, layout) in enumerate(zip(rates, layouts, strict=True))
    ]
    samples, recording = sound_of(joined(tmp_path / "joined", *parts))
    assert len(samples) / 16_000 == pytest.approx(6, abs=0.15)
    assert abs(lag(said, samples[-len(said) - 3_200 :]) - 3_200) < 0.15 * 16_000
    assert recording.notices == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("mp3", "libmp3lame", 16_000),
        ("flac", "flac", 44_100),
        ("ogg", "libopus", 48_000),
        ("mp4", "aac", 44_100),
        ("adts", "aac", 44_100),
        ("aiff", "pcm_s16be", 16_000),
        ("webm", "libopus", 48_000),
    ],
)
def test_files_of_several_formats_that_were_joined_are_read(
    container: str, codec: str, rate: int, speech: Samples, tmp_path: Path
) -> None:
    said = speech[:48_000]
    wav = write_samples(tmp_path / "a.wav", said[None], "pcm_s16le")
    other = encode(wav, tmp_path / "other", codec, rate=rate, container=container)
    orders = [(wav, other)] if container in ("mp3", "ogg", "adts") else [(wav, other), (other, wav)]
    for order in orders:
        samples, recording = sound_of(joined(tmp_path / "joined", *order))
        assert len(samples) / 16_000 == pytest.approx(6, abs=0.15)
        assert abs(lag(said, samples[-len(said) - 3_200 :]) - 3_200) < 0.15 * 16_000
        assert recording.notices == ()


@pytest.mark.slow
@pytest.mark.parametrize(("container", "codec"), [("aiff", "pcm_s16be"), ("flac", "flac")])
def test_all_files_behind_a_flac_are_read(
    container: str, codec: str, speech: Samples, tmp_path: Path
) -> None:
    """FFmpeg takes the next file for a part of its last frame."""
    said = speech[:48_000]
    wav = write_samples(tmp_path / "a.wav", said[None], "pcm_s16le")
    flac = encode(wav, tmp_path / "flac", "flac", container="flac")
    third = encode(wav, tmp_path / "third", codec, container=container)
    samples, recording = sound_of(joined(tmp_path / "joined", flac, wav, third, wav))
    assert len(samples) / 16_000 == pytest.approx(12, abs=0.15)
    assert recording.notices == ()


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "rate"), [("wmav1", 22_050), ("wmav2", 44_100), ("wmav2", 16_000)])
def test_windows_media_loses_no_beginning(codec: str, rate: int, speech: Samples, tmp_path: Path) -> None:
    said = speech[8_000:40_000]
    source = write_samples(tmp_path / "a.wav", said[None], "pcm_s16le")
    samples, _ = sound_of(encode(source, tmp_path / "a.wma", codec, rate=rate, container="asf"))
    assert 0 <= len(samples) - len(said) <= 0.05 * 16_000  # at most a frame
    assert abs(lag(said[:16_000], samples)) < 16
