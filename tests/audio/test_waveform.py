"""The peaks of a waveform are those of the recording, and an encoded copy sounds as long as it."""

from pathlib import Path

import numpy as np
import pytest

from tests.support import audio
from whisper_appliance.audio.browser_formats import Media, browser_type
from whisper_appliance.audio.decode import DecodeLimits, Sound, decode
from whisper_appliance.audio.encode import encode_opus
from whisper_appliance.audio.peaks import BARS, HEADER, MAX_PEAKS, bar_heights, combined, span_of, waveform
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import Undecodable
from whisper_appliance.core.samples import Samples


def packed(samples: Samples) -> bytes:
    return waveform(lambda start, stop: samples[start:stop], len(samples))


def peaks_of(samples: Samples) -> tuple[int, np.ndarray[tuple[int, int], np.dtype[np.int8]]]:
    made = packed(samples)
    version, flags, rate, span, count = HEADER.unpack_from(made)
    assert (version, flags, rate) == (1, 1, SAMPLE_RATE)
    peaks = np.frombuffer(made, np.int8, offset=HEADER.size).reshape(-1, 2)
    assert len(peaks) == count == -(-len(samples) // span)
    return span, peaks


def test_peaks_are_the_known_amplitudes() -> None:
    second = np.ones(SAMPLE_RATE, np.float32)
    swing = second * np.where(np.arange(SAMPLE_RATE) % 2, 1, -1).astype(np.float32)
    span, peaks = peaks_of(np.concatenate([0 * second, 0.5 * swing, swing, 2 * swing]))
    each = SAMPLE_RATE // span
    assert (peaks[:each] == 0).all()
    assert (peaks[each : 2 * each] == (-64, 64)).all()
    assert (peaks[2 * each : 3 * each] == (-127, 127)).all()
    assert (peaks[3 * each :] == (-128, 127)).all(), "what is over full scale is cut"


def test_a_small_waveform_has_a_digit_for_each_bar() -> None:
    quiet, loud = np.full(SAMPLE_RATE, 0.3, np.float32), np.full(SAMPLE_RATE, -0.5, np.float32)
    assert bar_heights(packed(np.concatenate([0 * quiet, quiet, loud]))) == "0" * 16 + "5" * 16 + "9" * 16
    assert bar_heights(packed(np.zeros(3600 * SAMPLE_RATE, np.float32))) == "0" * BARS
    assert len(bar_heights(packed(loud[:100]))) == BARS
    for other in (b"", b"peaks", packed(loud[:0])):
        assert bar_heights(other) == ""


def test_one_loud_sample_is_seen_in_its_span_alone() -> None:
    samples = np.zeros(10 * SAMPLE_RATE, np.float32)
    samples[5 * SAMPLE_RATE] = 1.0
    span, peaks = peaks_of(samples)
    assert np.flatnonzero(peaks[:, 1]).tolist() == [5 * SAMPLE_RATE // span]


@pytest.mark.parametrize("hours", [0.01, 1, 4, 48])
def test_a_waveform_is_small_however_long_the_recording_is(hours: float) -> None:
    samples = round(hours * 3600 * SAMPLE_RATE)
    count = -(-samples // span_of(samples))
    assert count <= MAX_PEAKS
    assert hours < 1 or count > MAX_PEAKS / 2


def test_the_waveform_of_silence_and_of_nothing() -> None:
    assert not peaks_of(np.zeros(3600, np.float32))[1].any()
    assert len(peaks_of(np.zeros(0, np.float32))[1]) == 0


def test_channels_are_shown_together() -> None:
    low, high = (np.full(SAMPLE_RATE, value, np.float32) for value in (-0.5, 0.25))
    both = combined(packed(low), packed(high))
    peaks = np.frombuffer(both, np.int8, offset=HEADER.size).reshape(-1, 2)
    assert (peaks == (-64, 32)).all()


def test_a_decoded_recording_has_its_waveform_and_its_media_type(tmp_path: Path) -> None:
    source = audio.wav(tmp_path / "tone.wav", 3)
    with decode(source, folder=tmp_path, limits=DecodeLimits()) as recording:
        samples = np.concatenate(list(recording.blocks()))
        peaks = np.frombuffer(recording.waveform(), np.int8, offset=HEADER.size)
        media = recording.media
    assert peaks.max() == round(float(samples.max()) * 127)
    assert media == Media("wav", "pcm_s16le")


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (Media("wav", "pcm_s16le"), "audio/wav"),
        (Media("mp3", "mp3float"), "audio/mpeg"),
        (Media("mov,mp4,m4a,3gp,3g2,mj2", "aac"), "audio/mp4"),
        (Media("mov,mp4,m4a,3gp,3g2,mj2", "aac", "h264"), "video/mp4"),
        (Media("matroska,webm", "opus", "vp8"), "video/webm"),
        (Media("matroska,webm", "opus"), "audio/webm"),
        (Media("matroska,webm", "opus", plain=False), ""),
        (Media("matroska,webm", "aac", "h264"), ""),
        (Media("mov,mp4,m4a,3gp,3g2,mj2", "alac"), ""),
        (Media("mov,mp4,m4a,3gp,3g2,mj2", "aac", "hevc"), ""),
        (Media("aac", "aac"), ""),
        (Media("asf", "wmav2"), ""),
        (Media("aiff", "pcm_s16be"), ""),
        (Media("wav", "adpcm_ms"), ""),
    ],
)
def test_the_type_is_one_that_all_browsers_play(media: Media, expected: str) -> None:
    assert browser_type(media) == expected


def test_a_copy_for_browsers_has_the_times_of_its_recording(tmp_path: Path, beckett: Path) -> None:
    copy = tmp_path / "copy.webm"
    encode_opus(beckett, copy, limits=DecodeLimits(), sound=Sound())
    with decode(beckett, folder=tmp_path, limits=DecodeLimits()) as recording:
        spoken = np.concatenate(list(recording.blocks()))
    with decode(copy, folder=tmp_path, limits=DecodeLimits()) as recording:
        encoded = np.concatenate(list(recording.blocks()))
        assert recording.media is not None
        assert browser_type(recording.media) == "audio/webm"
    assert len(encoded) == pytest.approx(len(spoken), abs=SAMPLE_RATE / 50)
    same = min(len(spoken), len(encoded))
    assert np.corrcoef(spoken[:same], encoded[:same])[0, 1] > 0.9, "in step to a part of a millisecond"


def test_what_is_no_recording_leaves_no_copy(tmp_path: Path) -> None:
    source = tmp_path / "notes.wav"
    source.write_bytes(b"these are words" * 100)
    with pytest.raises(Undecodable):
        encode_opus(source, tmp_path / "copy.webm", limits=DecodeLimits(), sound=Sound())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.wav"]
