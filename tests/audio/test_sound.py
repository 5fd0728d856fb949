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
SECONDS = 9.96  # of beckett


def sound_of(path: Path, sound: Sound | None = None) -> tuple[Samples, Recording]:
    with decode(path, folder=path.parent, limits=LIMITS, sound=sound) as recording:
        return np.concatenate(list(recording.blocks())), recording


@pytest.fixture(scope="module")
def speech(beckett: Path) -> Samples:
    return samples_of(beckett)


def likeness(one: Samples, other: Samples) -> float:
    length = min(len(one), len(other))
    return float(np.corrcoef(one[:length], other[:length])[0, 1])


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


def test_peaks_over_full_scale_are_scaled_and_not_clipped(speech: Samples, tmp_path: Path) -> None:
    loud = speech / np.abs(speech).max() * 8
    samples, _ = sound_of(write_samples(tmp_path / "a.wav", loud[None], "pcm_f32le"))
    assert np.abs(samples).max() == pytest.approx(1, abs=0.01)
    assert likeness(samples, speech) > 0.999


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
    ],
)
def test_all_parts_of_a_joined_file_are_read(
    container: str, codec: str, rates: tuple[int, int], layouts: tuple[str, str],
    beckett: Path, speech: Samples, tmp_path: Path,
) -> None:  # fmt: skip
    parts = [
        encode(beckett, tmp_path / f"{number}", codec, rate=rate, layout=layout, container=container)
        for number, (rate, layout) in enumerate(zip(rates, layouts, strict=True))
    ]
    samples, recording = sound_of(joined(tmp_path / "joined", *parts))
    assert len(samples) / 16_000 == pytest.approx(2 * SECONDS, abs=0.3)
    assert recording.notices == ()
