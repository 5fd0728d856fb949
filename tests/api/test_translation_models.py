"""Models that were laid down translate the words of a transcript; the process and the model are real."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, send
from tests.support.jobs import Script
from tests.support.marian import write_word_by_word_model
from tests.support.translations import OWN, add_own_model, translate, translated
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.config.settings import load
from whisper_appliance.jobs.text_translation import translator

pytestmark = pytest.mark.slow  # starts translator processes


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translation-models")
    write_word_by_word_model(folder / "de-pt", {"das": "a", "Haus": "casa", "Eis": "gelo"})
    return folder


@pytest.fixture(scope="module")
def module_script(models: Path) -> Script:
    """Its speech is scripted, its translator is not."""

    class Translating(Script):
        translate: Any = staticmethod(translator(lambda: load(translation_models=models)))

    return Translating()


@pytest.fixture(scope="module")
def appliance(start_appliance: StartAppliance, models: Path, tiny_en: Path) -> Appliance:
    appliance = start_appliance(whisper_model=OWN, translation_models=models)
    add_own_model(appliance, tiny_en)
    return appliance


def test_a_transcript_is_translated_by_a_model_that_was_laid_down(
    appliance: Appliance, member: ApiClient, models: Path
) -> None:
    id = str(send(member, words="das Haus", language="de").json["id"])
    path = f"/api/transcripts/{id}/translation"
    assert {"language": "pt", "recording": False, "translators": ["marian"]} in member.get(path).json[
        "targets"
    ]
    job = translated(appliance, translate(member, id, target="pt"))
    assert (job.status, job.model) == ("done", "marian")
    made = member.get(path).json["translation"]
    assert ([each["text"] for each in made["segments"]], made["language"]) == ([" a", " casa"], "pt")
    write_word_by_word_model(models / "de-fr", {"das": "la", "Haus": "maison"})  # without a restart
    assert translated(appliance, translate(member, id, target="fr")).status == "done"
    assert member.get(path).json["translation"]["text"] == "la maison"
