"""Our spectrogram, tokenizer and VAD weights next to faster-whisper's."""

from importlib.metadata import files
from pathlib import Path

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from faster_whisper.vad import get_vad_model
from tokenizers import Tokenizer as TokenizerFile

from tests.support.audio import samples_of
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.engines.vad import Silero, silero_weights
from whisper_appliance.engines.whisper.log_mel import LogMel
from whisper_appliance.engines.whisper.tokenizer import WhisperTokenizer


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize("seconds", [0.3, 7.1, 30.0])
def test_the_log_mel_spectrogram_equals_that_of_faster_whisper(
    cities: Path, mels: int, seconds: float
) -> None:
    samples = samples_of(cities, 0.0, seconds)
    theirs = FeatureExtractor(feature_size=mels)(np.pad(samples, (0, 16_000)))
    frames = min(theirs.shape[-1] // 2 * 2, 3000)
    ours = LogMel(mels)(samples, len(samples) / 16_000 + 1)
    np.testing.assert_array_equal(ours, theirs[:, :frames])


def test_the_tokenizer_equals_that_of_faster_whisper(tiny_en: Path) -> None:
    file = TokenizerFile.from_file(str(tiny_en / "tokenizer.json"))
    ours = WhisperTokenizer(file, multilingual=False, task="transcribe", language="en")
    theirs = Tokenizer(file, False, task="transcribe", language="en")
    assert ours.suppressed_tokens == get_suppressed_tokens(theirs, [-1])
    assert ours.sot_sequence == theirs.sot_sequence
    tokens = ours.encode(" He said: “naïve”, (twice) - in 日本語 🙂.")
    assert ours.decode(tokens) == theirs.decode(tokens)
    words, parts = theirs.split_to_word_tokens([*tokens, theirs.eot])
    assert ours.split_to_words([*tokens, ours.eot]) == list(zip(words, parts, strict=True))


def test_speech_probabilities_equal_those_of_faster_whisper(cities: Path) -> None:
    samples = samples_of(cities, 0.0, 512 * 600 / 16_000)
    theirs = Silero(get_vad_model().session).feed(samples)
    np.testing.assert_array_equal(Silero().feed(samples), theirs)


def test_missing_vad_weights_are_reported_with_the_package() -> None:
    assert files("jiwer")
    with pytest.raises(ModelUnavailable, match="not in the package jiwer"):
        silero_weights("jiwer")
