"""Small complete custom models, and a store without other sources."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from whisper_appliance.models.events import ModelEvent
from whisper_appliance.models.store import ModelStore


@pytest.fixture
def events() -> list[ModelEvent]:
    """What was announced."""
    return []


@pytest.fixture
def store(tmp_path: Path, events: list[ModelEvent]) -> ModelStore:
    """A store with an empty folder and an empty hub's cache, one hour later: every folder has settled."""
    return ModelStore(
        tmp_path / "models",
        hub_cache=tmp_path / "hub",
        announce=events.append,
        now=lambda: datetime.now() + timedelta(hours=1),
    )


@pytest.fixture
def make_model() -> Callable[[Path], Path]:
    """Makes a folder that has the files of a model, with little in them."""

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True)
        for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
            (folder / name).write_text(f"{name} of {folder.name}")
        return folder

    return make
