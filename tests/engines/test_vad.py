"""Voice activity detection with Silero."""

from pathlib import Path

import numpy as np

from whisper_appliance.audio.decode import DecodeLimits, decode
from whisper_appliance.engines.vad import FRAME, Silero


def test_silero_detects_speech_and_not_noise(cities: Path, tmp_path: Path) -> None:
    silero = Silero()
    with decode(cities, folder=tmp_path, limits=DecodeLimits()) as recording:
        speech = np.concatenate([silero.feed(block) for block in recording.blocks(5.0)])
    noise = Silero().feed(np.random.default_rng(1).normal(0, 0.05, 20 * FRAME * 16).astype(np.float32))
    assert (speech > 0.5).mean() > 0.6
    assert (noise > 0.5).mean() < 0.05
