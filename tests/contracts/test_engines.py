"""The engine contract: one suite for every engine, with a real tiny.en on real speech."""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import jiwer
import numpy as np
import pytest
from benchmarks.checkpoint import checkpoint
from whisper_normalizer.english import EnglishTextNormalizer

from tests.support.audio import samples_of
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.engine_names import BUILT_IN
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Engine, EngineSpec, Options, Window
from whisper_appliance.engines.onnx.ct2_weights import Weights
from whisper_appliance.engines.registry import load_engine

pytestmark = pytest.mark.slow  # decodes with real models

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
MOST_WORD_ERRORS = 0.15
OPTIONS = Options(language="en")


def model_of(name: str, tiny_en: Path, folder: Path) -> Path:
    """tiny.en in the format of an engine."""
    if name != "openai-whisper":
        return tiny_en
    if not all(map(find_spec, ("whisper", "torch"))):
        pytest.skip("the extra openai-whisper is not installed")
    import torch

    torch.save(checkpoint(Weights(tiny_en / "model.bin")), folder / "model.pt")
    return folder


@pytest.fixture(scope="module", params=sorted(BUILT_IN))
def engine(request: pytest.FixtureRequest, tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    name: str = request.param
    path = model_of(name, tiny_en, tmp_path_factory.mktemp("model"))
    return load_engine(EngineSpec(name, "tiny.en", path, device="cpu"))


@pytest.fixture(scope="module")
def speech(beckett: Path) -> Samples:
    return samples_of(beckett)


def word_error_rate(text: str) -> float:
    normal = EnglishTextNormalizer()
    return float(jiwer.wer(normal(BECKETT), normal(text)))


def test_an_engine_describes_itself(engine: Engine) -> None:
    assert engine.name in BUILT_IN
    assert engine.version
    assert (engine.device, engine.multilingual) == ("cpu", False)
    assert engine.compute_type
    assert isinstance(engine.warnings, tuple)


def test_speech_becomes_its_words(engine: Engine, speech: Samples) -> None:
    (result,) = engine.transcribe([Window(speech, OPTIONS)])
    assert word_error_rate(result.text) <= MOST_WORD_ERRORS
    assert result.language == "en"
    assert result.tokens
    assert -1 < result.avg_logprob < 0


def test_segments_are_in_order_and_within_the_window(engine: Engine, speech: Samples) -> None:
    (result,) = engine.transcribe([Window(speech, OPTIONS)])
    seconds = len(speech) / SAMPLE_RATE
    assert all(0 <= segment.start <= segment.end <= seconds for segment in result.segments)
    assert all(before.end <= after.start for before, after in pairwise(result.segments))


def test_there_is_one_result_a_window_in_order(engine: Engine, speech: Samples) -> None:
    beginning = speech[: 4 * SAMPLE_RATE]
    results = engine.transcribe([Window(beginning, OPTIONS), Window(speech, OPTIONS)])
    assert len(results) == 2
    assert len(results[0].text) < len(results[1].text)


def test_word_times_are_there_if_wanted(engine: Engine, speech: Samples) -> None:
    options = Options(language="en", quality="accurate", word_timestamps=True)
    (result,) = engine.transcribe([Window(speech, options)])
    words = [word for segment in result.segments for word in segment.words]
    assert "".join(word.word for word in words) == result.text
    assert all(0 <= word.probability <= 1 for word in words)
    better = next(word for word in reversed(words) if "better" in word.word.lower())
    assert len(speech) / SAMPLE_RATE - 3 < better.start < better.end


def test_silence_stays_within_the_window_and_drops_have_a_reason(engine: Engine) -> None:
    (result,) = engine.transcribe([Window(np.zeros(5 * SAMPLE_RATE, np.float32), OPTIONS)])
    assert all(dropped.reason for dropped in result.dropped)
    assert all(segment.end <= 5 for segment in result.segments)


def test_the_same_window_gives_the_same_words(engine: Engine, speech: Samples) -> None:
    first, second = (engine.transcribe([Window(speech, OPTIONS)])[0].text for _ in range(2))
    assert first == second


def test_in_sequential_mode_the_next_window_starts_at_decoded_seconds(
    engine: Engine, speech: Samples
) -> None:
    """The first window ends within a sentence; a window from `decoded_seconds` on decodes the rest."""
    cut = round(4.8 * SAMPLE_RATE)
    (first,) = engine.transcribe([Window(speech[:cut], OPTIONS, decode_to_end=False)])
    assert 0 < first.decoded_seconds <= 5
    assert all(segment.end <= first.decoded_seconds for segment in first.segments)
    rest = speech[round(first.decoded_seconds * SAMPLE_RATE) :]
    (second,) = engine.transcribe([Window(rest, OPTIONS, previous_tokens=first.tokens)])
    assert word_error_rate(f"{first.text} {second.text}") <= MOST_WORD_ERRORS


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_folder_without_a_model_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        load_engine(EngineSpec(name, "tiny.en", tmp_path, device="cpu"))


@pytest.mark.parametrize("name", ["", "whisper.dll", "os:system"])
def test_an_engine_that_is_not_installed_is_refused_with_its_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no engine") as refusal:
        load_engine(EngineSpec(name, "tiny.en", tmp_path, device="cpu"))
    assert name in refusal.value.message


def test_words_of_a_text_to_align_get_their_times(engine: Engine, speech: Samples) -> None:
    options = Options(language="en", word_timestamps=True)
    (heard,) = engine.transcribe([Window(speech, options)])
    words = [word for segment in heard.segments for word in segment.words]
    (aligned,) = engine.transcribe([Window(speech, options, text_to_align=heard.text)])
    (segment,) = aligned.segments
    assert segment.text == heard.text
    assert [word.word for word in segment.words] == [word.word for word in words]
    starts = np.array([word.start for word in words])
    assert np.median(np.abs(starts - [word.start for word in segment.words])) < 0.1
    (other,) = engine.transcribe(
        [Window(speech, options, text_to_align=" Nothing of this was ever said here.")]
    )
    assert "".join(word.word for word in other.segments[0].words) == " Nothing of this was ever said here."
    assert all(one.start <= two.start for one, two in pairwise(other.segments[0].words))
