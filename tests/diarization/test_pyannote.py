"""The diarizer "pyannote": features, clusters, and real voices where its model is installed."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.audio import samples_of
from whisper_appliance.core.samples import Samples
from whisper_appliance.diarization.contract import Diarization, DiarizerSpec
from whisper_appliance.diarization.named_speakers import most_similar
from whisper_appliance.diarization.pyannote.clustering import cluster
from whisper_appliance.diarization.pyannote.diarizer import PyannoteDiarizer
from whisper_appliance.diarization.pyannote.fbank import fbank
from whisper_appliance.diarization.pyannote.weights import packaged_library
from whisper_appliance.engines.contract import NamedVoice
from whisper_appliance.library.voices import LEAST_SIMILARITY


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
def test_a_reader_is_another_speaker_than_the_voices_of_a_dialogue(nagg_and_nell: Path, cities: Path) -> None:
    """A reader, two other voices, and the reader again; a word may be given to another one."""
    reader, dialogue = samples_of(cities), samples_of(nagg_and_nell)
    parts = [reader[: 12 * 16_000], dialogue[: 12 * 16_000], reader[12 * 16_000 : 24 * 16_000]]
    turns = diarized(np.concatenate(parts), None).turns

    def share_of_first(start: float, stop: float) -> float:
        spoken = [(turn.speaker, max(0.0, min(turn.end, stop) - max(turn.start, start))) for turn in turns]
        return sum(seconds for speaker, seconds in spoken if speaker == 0) / sum(
            seconds for _, seconds in spoken
        )

    assert share_of_first(0, 12) > 0.95
    assert share_of_first(12, 24) < 0.05
    assert share_of_first(24, 36) > 0.95


@pytest.mark.slow
@pytest.mark.skipif(packaged_library() is None, reason="the extra `diarization` is not installed")
def test_a_voice_is_more_like_itself_than_like_another(nagg_and_nell: Path, cities: Path) -> None:
    reader, dialogue = samples_of(cities), samples_of(nagg_and_nell)
    parts = reader[: 12 * 16_000], reader[16 * 16_000 : 28 * 16_000], dialogue[: 12 * 16_000]
    first, again, other = (voice_in(part) for part in parts)
    assert most_similar([again.embedding], [first], LEAST_SIMILARITY)
    assert not most_similar([other.embedding], [first], LEAST_SIMILARITY)


def voice_in(samples: Samples) -> NamedVoice:
    """The voice of a recording in which one person speaks."""
    return NamedVoice("Ada", diarized(samples, 1).embeddings[0])


def diarized(samples: Samples, speakers: int | None) -> Diarization:
    """Who speaks in a recording."""
    diarizer = PyannoteDiarizer(DiarizerSpec("pyannote"))
    for start in range(0, len(samples) - 5 * 16_000, 5 * 16_000):
        diarizer.feed(samples[start : start + 10 * 16_000])
    return diarizer.finish(speakers)
