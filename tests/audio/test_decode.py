"""Every container that users bring becomes the same 16 kHz mono, in blocks, without files left over."""

import hashlib
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.audio import encode, video, wav
from whisper_appliance.audio import decode as decode_module
from whisper_appliance.audio import decoder_process
from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.core.samples import Samples

LIMITS = DecodeLimits(max_seconds=120)

FORMATS = [
    ("a.wav", "pcm_s16le", {}),
    ("b.wav", "pcm_f32le", {"rate": 48_000, "layout": "stereo"}),
    ("c.wav", "pcm_s24le", {"rate": 96_000, "layout": "7.1"}),
    ("d.wav", "adpcm_ima_wav", {"rate": 22_050}),
    ("e.wav", "pcm_alaw", {"rate": 8_000}),
    ("a.w64", "pcm_s16le", {}),
    ("a.aiff", "pcm_s16be", {"rate": 44_100}),
    ("a.flac", "flac", {"rate": 44_100, "layout": "stereo"}),
    ("a.mp3", "libmp3lame", {"rate": 44_100}),
    ("a.aac", "aac", {"rate": 44_100}),
    ("a.amr", "libopencore_amrnb", {"rate": 8_000}),
    ("a.opus", "libopus", {"rate": 48_000, "container": "ogg"}),
    ("a.ogg", "vorbis", {"rate": 44_100, "layout": "stereo"}),
    ("a.m4a", "aac", {"rate": 44_100, "container": "mp4"}),
    ("b.m4a", "alac", {"rate": 44_100, "container": "mp4"}),
    ("a.mov", "pcm_s16le", {}),
    ("a.3gp", "libopencore_amrnb", {"rate": 8_000}),
    ("a.mka", "flac", {"container": "matroska"}),
    ("a.webm", "libopus", {"rate": 48_000}),
    ("a.caf", "pcm_s16be", {}),
]


def decoded(path: Path, folder: Path, limits: DecodeLimits = LIMITS) -> Samples:
    with decode(path, folder=folder, limits=limits) as recording:
        samples: Samples = np.concatenate(list(recording.blocks()))
        return samples


def test_a_lack_of_descriptors_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", 1)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            decode(path, folder=tmp_path, limits=LIMITS)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def loudness(samples: Samples) -> Samples:
    """Loudness of each tenth of a second, to compare recordings of the same speech."""
    whole = samples[: len(samples) // 1600 * 1600].reshape(-1, 1600)
    return np.asarray(np.sqrt((whole**2).mean(axis=1)))


@pytest.fixture(scope="module")
def speech(beckett: Path, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return decoded(beckett, tmp_path_factory.mktemp("speech"))


def test_a_16_khz_wav_is_decoded_unchanged(beckett: Path, tmp_path: Path) -> None:
    source = encode(beckett, tmp_path / "a.wav", "pcm_s16le")
    samples = decoded(source, tmp_path)
    assert samples.dtype == np.float32
    written = np.frombuffer(source.read_bytes()[-len(samples) * 2 :], dtype="<i2")
    assert np.array_equal(np.round(samples * 32768).astype(np.int16), written)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "codec", "how"), FORMATS, ids=[f"{n}-{c}" for n, c, _ in FORMATS])
def test_every_container_gives_the_same_speech(
    name: str, codec: str, how: dict[str, Any], beckett: Path, speech: Samples, tmp_path: Path
) -> None:
    source = encode(beckett, tmp_path / name, codec, **how)
    samples = decoded(source, tmp_path)
    assert len(samples) / 16_000 == pytest.approx(len(speech) / 16_000, abs=0.15)
    length = min(len(samples), len(speech))
    assert (
        np.corrcoef(loudness(samples[:length]), loudness(speech[:length]))[0, 1] > 0.95
    )  # ADTS does not say how much its encoder lags


@pytest.mark.parametrize(
    ("name", "pictures", "sound"),
    [("a.mp4", "libx264", "aac"), ("a.mkv", "mpeg4", "ac3"), ("a.webm", "libvpx", "libopus")],
)
def test_the_audio_of_a_video_is_decoded(
    name: str, pictures: str, sound: str, beckett: Path, speech: Samples, tmp_path: Path
) -> None:
    samples = decoded(video(beckett, tmp_path / name, pictures, sound), tmp_path)
    assert len(samples) == pytest.approx(len(speech), abs=0.15 * 16_000)


def test_the_format_is_detected_from_the_content(beckett: Path, speech: Samples, tmp_path: Path) -> None:
    for name in ("speech.txt", "speech", "speech.wav", "http:speech", "ünïcode 🎤.mp3"):
        source = encode(beckett, tmp_path / name, "flac", container="flac")
        assert len(decoded(source, tmp_path)) == pytest.approx(len(speech), abs=160)


def test_blocks_are_equal_in_length_but_for_the_last(beckett: Path, speech: Samples, tmp_path: Path) -> None:
    with decode(beckett, folder=tmp_path, limits=LIMITS) as recording:
        blocks = list(recording.blocks(seconds=3))
        assert [len(block) for block in blocks[:-1]] == [48_000] * (len(blocks) - 1)
        assert 0 < len(blocks[-1]) <= 48_000
        assert np.array_equal(np.concatenate(blocks), speech)
        assert recording.seconds == recording.estimated_seconds == len(speech) / 16_000


def test_decoded_audio_can_be_read_again(beckett: Path, speech: Samples, tmp_path: Path) -> None:
    with decode(beckett, folder=tmp_path, limits=LIMITS) as recording:
        next(recording.blocks(seconds=2))
        assert np.array_equal(recording.read(16_000, 32_000), speech[16_000:32_000])
        list(recording.blocks())
        assert np.array_equal(recording.read(len(speech) - 5, len(speech) + 100), speech[-5:])


def test_the_duration_is_estimated_before_decoding(tmp_path: Path) -> None:
    with decode(wav(tmp_path / "a.wav", 100), folder=tmp_path, limits=LIMITS) as recording:
        assert recording.header_seconds() == recording.estimated_seconds == 100


def test_a_file_that_cannot_be_opened_has_no_length(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    with decode(tmp_path / "a.wav", folder=tmp_path, limits=LIMITS) as recording:
        assert recording.header_seconds() is None


def test_silence_is_decoded_to_zeros(tmp_path: Path) -> None:
    samples = decoded(wav(tmp_path / "silence.wav", 5), tmp_path)
    assert len(samples) == 80_000
    assert not samples.any()


def test_the_hash_is_that_of_the_original_file(beckett: Path, tmp_path: Path) -> None:
    with decode(beckett, folder=tmp_path, limits=LIMITS) as recording:
        list(recording.blocks())
        assert recording.audio_sha256 == hashlib.sha256(beckett.read_bytes()).hexdigest()


def test_a_good_file_has_no_notices(beckett: Path, tmp_path: Path) -> None:
    with decode(beckett, folder=tmp_path, limits=LIMITS) as recording:
        list(recording.blocks())
        assert recording.notices == ()


def test_a_decoder_started_ahead_is_used_once(beckett: Path, speech: Samples, tmp_path: Path) -> None:
    decode_module.prepare()
    decode_module.prepare()
    for _ in range(2):
        assert np.array_equal(decoded(beckett, tmp_path), speech)


def test_a_layer_of_the_sandbox_that_does_not_hold_in_a_job_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = (
        "from whisper_appliance.core import sandbox, seccomp; seccomp.allow_only_decoding = lambda: False; "
        "sandbox.landlock_allow_only = lambda fd: False; from whisper_appliance.audio"
    )
    start = decoder_process._START.replace("from whisper_appliance.audio", broken)
    monkeypatch.setattr(decoder_process, "_START", start)
    found = decode_module.isolation.__wrapped__()
    assert (found.calls, found.files, found.no_new_privileges) == ("all", "readable ones", True)


def test_the_decoder_reports_its_sandbox() -> None:
    isolation = decode_module.isolation()
    assert isolation.no_new_privileges
    assert isolation.network in ("own", "no tcp", "shared")
    assert isolation.files in ("the source only", "readable ones")
    assert isolation.calls in ("filtered", "all")
    assert isolation.capabilities == "dropped"


def test_a_longer_limit_comes_with_more_time_to_decode() -> None:
    usual = DecodeLimits(cpu_seconds=60, wall_seconds=120)
    assert usual.for_length() == usual
    assert replace(usual, max_seconds=60).for_length().cpu_seconds == 60
    longest = replace(usual, max_seconds=48 * 3600).for_length()
    assert (longest.cpu_seconds, longest.wall_seconds) == (720, 1440)
