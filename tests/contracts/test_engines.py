"""The engine contract, for every engine of the registry, with a real model and real speech."""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import jiwer
import numpy as np
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from tests.support.audio import samples_of
from whisper_appliance.core.engine_names import BUILT_IN
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.engines.contract import Engine, EngineSpec, Options, Window
from whisper_appliance.engines.registry import load_engine

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
NEEDS_TORCH = pytest.mark.skipif(
    find_spec("whisper") is None, reason="the extra openai-whisper is not installed"
)
ENGINES = [
    pytest.param(name, marks=[NEEDS_TORCH, pytest.mark.slow] if name == "openai-whisper" else [])
    for name in BUILT_IN
]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    path = tiny_en
    if request.param == "openai-whisper":
        import torch
        from benchmarks.checkpoint import checkpoint

        from whisper_appliance.engines.onnx.ct2_weights import Weights

        path = tmp_path_factory.mktemp("checkpoint")
        torch.save(checkpoint(Weights(tiny_en / "model.bin")), path / "model.pt")
    return load_engine(EngineSpec(request.param, "tiny.en", path, device="cpu"))


def word_error_rate(reference: str, text: str) -> float:
    normal = EnglishTextNormalizer()
    return float(jiwer.wer(normal(reference), normal(text)))


def test_the_engine_describes_itself(engine: Engine) -> None:
    assert engine.name in BUILT_IN
    assert engine.version
    assert engine.device == "cpu"
    assert not engine.multilingual


def test_speech_is_transcribed_in_order_within_the_window(engine: Engine, beckett: Path) -> None:
    speech = samples_of(beckett)
    (result,) = engine.transcribe([Window(speech, Options())])
    assert word_error_rate(BECKETT, result.text) <= 0.15
    assert result.language == "en"
    assert all(0 <= one.start <= one.end <= len(speech) / 16_000 for one in result.segments)
    assert all(first.end <= second.start for first, second in pairwise(result.segments))
    assert result.avg_logprob < 0
    assert result.tokens


def test_words_make_up_the_text_and_have_times(engine: Engine, beckett: Path) -> None:
    (result,) = engine.transcribe([Window(samples_of(beckett), Options(word_timestamps=True))])
    words = [word for segment in result.segments for word in segment.words]
    assert "".join(word.word for word in words) == result.text
    assert all(0 <= word.start <= word.end and 0 <= word.probability <= 1 for word in words)


def test_results_are_in_the_order_of_the_windows(engine: Engine, beckett: Path) -> None:
    speech = samples_of(beckett)
    short, whole = engine.transcribe([Window(speech[:64_000], Options()), Window(speech, Options())])
    assert len(short.text) < len(whole.text)


def test_silence_gives_no_text_after_its_end(engine: Engine) -> None:
    silence = np.zeros(5 * 16_000, np.float32)
    (result,) = engine.transcribe([Window(silence, Options(quality="fast"))])
    assert all(dropped.reason for dropped in result.dropped)
    assert all(segment.end <= 5 for segment in result.segments)


def test_sequential_mode_reports_how_far_it_decoded(engine: Engine, cities: Path) -> None:
    options = Options(quality="accurate", beam_size=1)
    (result,) = engine.transcribe([Window(samples_of(cities), options, decode_to_end=False)])
    assert 20 < result.decoded_seconds <= 30
    assert all(segment.end <= result.decoded_seconds + 0.02 for segment in result.segments)


@pytest.mark.parametrize("name", ENGINES)
def test_a_missing_model_is_not_available(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"tiny\.en"):
        load_engine(EngineSpec(name, "tiny.en", tmp_path, device="cpu"))


def test_an_unknown_engine_is_not_available(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no engine nope"):
        load_engine(EngineSpec("nope", "tiny.en", tmp_path))
