"""Translations: an appliance whose model and translators are what a test says, requests, and their ends."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.application import StartAppliance
from tests.support.client import ApiClient
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.jobs.job import Job
from whisper_appliance.translation.contract import Pair

OWN = "own"
"""A model of one's own may translate; speech is scripted."""
TRANSLATOR = "pairs"
"""The name of a translator; its words are scripted, too."""


def add_own_model(appliance: Appliance, model: Path) -> None:
    """Lays down the model `OWN`, a link to another one."""
    (appliance.settings.model_dir / OWN).symlink_to(model.resolve())


def offering(*pairs: Pair) -> Any:
    """For `TranslateTranscript.offered`: the scripted translator offers these pairs."""
    return lambda: {TRANSLATOR: frozenset(pairs)}


@pytest.fixture(scope="module")
def translating_appliance(start_appliance: StartAppliance, tiny_en: Path) -> Appliance:
    """One whose default model is `OWN`, without translators."""
    appliance = start_appliance(whisper_model=OWN)
    add_own_model(appliance, tiny_en)
    appliance.translate_transcript.offered = dict
    return appliance


def translate(client: ApiClient, id: str, **body: object) -> Any:
    """The answer to a request for the translation of a transcript."""
    return client.post(f"/api/transcripts/{id}/translation", json=body)


def translated(appliance: Appliance, answer: Any) -> Job:
    """The job of such an answer, once it has ended."""
    assert answer.status_code == 202, answer.json
    return appliance.queue.wait(answer.json["id"], 60)
