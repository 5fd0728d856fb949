"""The engine of the extra `openai-whisper`, with a real model on real speech."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from benchmarks.checkpoint import checkpoint

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import EngineSpec, Options, Window
from whisper_appliance.engines.onnx.ct2_weights import Weights
from whisper_appliance.engines.onnx.model import OnnxModel
from whisper_appliance.engines.openai_whisper.engine import OpenAIWhisperEngine, check_torch
from whisper_appliance.models.store import ModelStore

installed = all(map(find_spec, ("whisper", "torch")))
needs_extra = pytest.mark.skipif(not installed, reason="the extra openai-whisper is not installed")


@pytest.fixture(scope="module")
def model(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.en as a checkpoint, made from the weights of the packaged model."""
    import torch

    folder = tmp_path_factory.mktemp("tiny.en")
    torch.save(checkpoint(Weights(tiny_en / "model.bin")), folder / "model.pt")
    return folder


@pytest.fixture(scope="module")
def engine(model: Path) -> OpenAIWhisperEngine:
    return OpenAIWhisperEngine(EngineSpec("openai-whisper", "tiny.en", model, device="cpu", workers=1))


@pytest.fixture(scope="module")
def speech(beckett: Path) -> Samples:
    return decoded(beckett)


def decoded(path: Path) -> Samples:
    """The samples of a recording, as the engine wants them."""
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32)


@needs_extra
@pytest.mark.slow
def test_a_window_result_has_the_decoded_seconds(engine: OpenAIWhisperEngine, cities: Path) -> None:
    whole = decoded(cities)[: 30 * SAMPLE_RATE]
    (result,) = engine.transcribe([Window(whole, Options(quality="accurate", beam_size=1))])
    assert 20 < result.decoded_seconds <= 30
    assert all(segment.end <= result.decoded_seconds + 0.02 for segment in result.segments)
    (result,) = engine.transcribe(
        [Window(whole[: 8 * SAMPLE_RATE], Options(quality="accurate", beam_size=1))]
    )
    assert result.decoded_seconds == 8


@needs_extra
@pytest.mark.slow
def test_languages_of_parts_are_those_of_the_onnx_engine(tmp_path: Path, speech: Samples) -> None:
    import torch

    base = ModelStore(tmp_path, downloads_allowed=False).locate("base")
    assert base
    torch.save(checkpoint(Weights(base / "model.bin")), tmp_path / "model.pt")
    engine = OpenAIWhisperEngine(EngineSpec("openai-whisper", "base", tmp_path, device="cpu", workers=1))
    parts = [(0.0, 4.0), (4.0, 8.0)]
    with torch.no_grad():
        found = engine.language_probabilities(engine.encode(speech[: 8 * SAMPLE_RATE], 8.0), parts)
    whole, *of_parts = found
    assert max(whole, key=whole.__getitem__) == "en"
    expected = OnnxModel(base)
    _, *same = expected.language_probabilities(expected.encode(speech[: 8 * SAMPLE_RATE], 30.0), parts)
    for one, other in zip(of_parts, same, strict=True):
        assert sum(one.values()) == pytest.approx(1.0, abs=0.001)
        assert one["en"] == pytest.approx(other["en"], abs=0.1)


@needs_extra
def test_an_unsupported_compute_type_is_reported(model: Path) -> None:
    loaded = OpenAIWhisperEngine(EngineSpec("openai-whisper", "tiny.en", model, "cpu", compute_type="int8"))
    assert loaded.compute_type == "float32"
    assert "not in int8" in loaded.warnings[0]


@needs_extra
def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "model.pt"
    torch.save({"dims": print, "model_state_dict": {}}, path)
    with pytest.raises(ModelUnavailable, match="could not be loaded"):
        OpenAIWhisperEngine(EngineSpec("openai-whisper", "evil", path, device="cpu"))


@needs_extra
def test_a_folder_of_another_format_is_refused_with_the_reason(tiny_en: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no model\.pt"):
        OpenAIWhisperEngine(EngineSpec("openai-whisper", "tiny.en", tiny_en, device="cpu"))


@pytest.mark.skipif(installed, reason="the extra openai-whisper is installed")
def test_without_the_extra_the_error_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"whisper-appliance\[openai-whisper\]"):
        OpenAIWhisperEngine(EngineSpec("openai-whisper", "tiny.en", tmp_path))


@pytest.mark.parametrize("version", ["2.5.1", "2.6.0+cpu", "2.9.1+cu128"])
def test_a_pytorch_that_runs_code_from_checkpoints_is_refused(version: str) -> None:
    with pytest.raises(ModelUnavailable, match="may run code"):
        check_torch(version)
    check_torch("2.10.0+cpu")
