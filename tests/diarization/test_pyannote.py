"""The diarizer "pyannote": features, clusters, and real voices where its model is installed."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.audio import samples_of
from whisper_appliance.diarization.contract import DiarizerSpec
from whisper_appliance.diarization.pyannote.clustering import cluster
from whisper_appliance.diarization.pyannote.diarizer import PyannoteDiarizer
from whisper_appliance.diarization.pyannote.fbank import fbank
from whisper_appliance.diarization.pyannote.weights import packaged_library


def test_a_tone_is_loudest_in_the_filter_of_its_frequency() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 16_000).astype(np.float32)
    features = fbank(tone)
    assert features.shape == (48, 80)
    assert set(features.argmax(axis=1)) <= {27, 28}  # 1000 Hz lies at 1000 of 2840 mel, from 32 mel


def voices(*counts: int) -> npt.NDArray[np.float64]:
    """Unit vectors around a direction for each speaker, with noise."""
    random = np.random.default_rng(1)
    centers = np.repeat(np.eye(256)[: len(counts)], counts, axis=0)
    return centers + random.normal(scale=0.03, size=centers.shape)


def test_voices_are_clustered_and_their_number_is_found() -> None:
    assert len(cluster(voices(30, 3, 12), None)) == 3
    assert len(cluster(voices(10), None)) == 1


def test_a_known_number_of_speakers_is_kept() -> None:
    assert len(cluster(voices(30, 3, 12), 2)) == 2
    assert len(cluster(voices(2), 5)) == 2


@pytest.mark.slow
@pytest.mark.skipif(packaged_library() is None, reason="the extra `diarization` is not installed")
def test_two_voices_are_two_speakers(nagg_and_nell: Path, cities: Path) -> None:
    """A reader, one of two other voices in a dialogue, and the reader again."""
    reader, dialogue = samples_of(cities), samples_of(nagg_and_nell)
    parts = [reader[: 12 * 16_000], dialogue[: 12 * 16_000], reader[12 * 16_000 : 24 * 16_000]]
    samples = np.concatenate(parts)
    diarizer = PyannoteDiarizer(DiarizerSpec("pyannote"))
    for start in range(0, len(samples) - 5 * 16_000, 5 * 16_000):
        diarizer.feed(samples[start : start + 10 * 16_000])
    turns = diarizer.finish(None).turns

    def spoken(start: float, stop: float) -> set[int]:
        return {turn.speaker for turn in turns if turn.end > start + 1 and turn.start < stop - 1}

    assert spoken(0, 12) == spoken(24, 36) == {0}
    assert 0 not in spoken(12, 24)
    assert spoken(12, 24)
