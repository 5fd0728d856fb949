"""The manager with real engine processes and a real small model."""

from pathlib import Path

import psutil
import pytest

from whisper_appliance.config.settings import load
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.manager import ModelManager
from whisper_appliance.models.store import ModelStore

pytestmark = pytest.mark.slow  # loads a real model


def test_a_real_model_is_loaded_reported_and_unloaded(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models", hub_cache=tmp_path / "hub")
    settings = load(data_dir=tmp_path, model_dir=store.model_dir, whisper_model="tiny.en", device="cpu")
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    manager = ModelManager(settings, store, Downloads(store), start_engine=EngineProcess)
    with manager.engine() as engine:
        engine.wait_ready(60)
        status = manager.get_status()
        assert (status.state, status.reason) == ("ready", None)
        tiny = next(model for model in status.models if model.default)
        assert tiny.memory_bytes is not None
        assert tiny.memory_estimate_bytes is not None
        assert 0.3 * tiny.memory_estimate_bytes < tiny.memory_bytes < 1.5 * tiny.memory_estimate_bytes
        assert tiny.engine is not None
        assert tiny.engine.compute_type.startswith("int8")
    manager.unload("tiny.en")
    assert manager.get_status().state == "idle"
    left = {child.pid for child in psutil.Process().children(recursive=True)} - before
    assert left == set(), "the process is gone, and its memory with it"
    manager.close()
