"""The model of a job: named, by language, or the default; scripted models and language."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.engines.contract import Options, Priority
from whisper_appliance.jobs.job import Job
from whisper_appliance.jobs.model_choice import LeasedModel, ModelChoice
from whisper_appliance.models.by_language import models_by_language


class LoadedModel:
    """An engine with the name of its model; `large` does not fit into memory."""

    def __init__(self, name: str) -> None:
        self.name = name

    def wait_ready(self) -> None:
        if self.name == "large":
            raise ModelUnavailable("There is no memory for large.")


class Models:
    """Lends engines, and counts those that are leased."""

    def __init__(self) -> None:
        self.leased: list[str] = []
        self.most = 0

    @contextmanager
    def engine(self, name: str | None = None) -> Iterator[LoadedModel]:
        self.leased.append(name or "")
        self.most = max(self.most, len(self.leased))
        try:
            yield LoadedModel(name or "")
        finally:
            self.leased.remove(name or "")


@pytest.fixture
def models() -> Models:
    return Models()


def chosen(models: Models, job: Job, spoken: str = "de", **by_language: str) -> LeasedModel:
    def detect(recording: Any, engine: Any, job: Job, *, cancelled: Callable[[], bool]) -> str:
        assert engine.name == "base"
        return spoken

    choice = ModelChoice(lambda: "base", lambda: by_language, detect)
    with ExitStack() as held:
        lease = choice.lease(
            held,
            models,
            lambda stack, name: stack.enter_context(models.engine(name)),
            job,
            "recording",
            lambda: False,
        )
        assert models.leased == [lease.name] == [lease.engine.name]
    assert models.leased == []
    assert models.most == 1  # two loaded models would need the memory of two
    return lease


def a_job(model: str | None = None, preferred: str | None = None, **options: Any) -> Job:
    return Job(
        id="1", owner="ann", status="running", priority=Priority.BATCH, progress=0.0, error=None,
        transcript_id=None, title="talk", filename="talk.wav", source="upload", model=model,
        options=Options(**options), audio="1", audio_bytes=1, duration=None, attempts=1,
        cancel_requested=False, lane="batch", created="", started=None, finished=None,
        preferred_model=preferred,
    )  # fmt: skip


def test_the_detected_or_given_language_chooses_the_model(models: Models) -> None:
    assert chosen(models, a_job(), de="small").name == "small"
    assert chosen(models, a_job(language="fr"), de="small", fr="tiny").name == "tiny"
    assert chosen(models, a_job(), spoken="it", de="small").name == "base"
    assert chosen(models, a_job(model="tiny"), de="small").name == "tiny"


def test_a_model_that_cannot_be_loaded_is_replaced_and_the_transcript_says_so(models: Models) -> None:
    lease = chosen(models, a_job(), de="large")
    assert (lease.name, [notice.code for notice in lease.notices]) == ("base", ["model_replaced"])
    assert "There is no memory for large." in lease.notices[0].message


def test_the_model_of_the_owner_goes_before_that_of_the_language(models: Models) -> None:
    assert chosen(models, a_job(preferred="own"), de="small").name == "own"
    assert chosen(models, a_job(preferred="base"), de="small").name == "base"  # the default one, on purpose
    assert chosen(models, a_job(model="tiny", preferred="own")).name == "tiny"


def test_the_model_of_the_owner_is_replaced_if_it_cannot_be_loaded(models: Models) -> None:
    lease = chosen(models, a_job(preferred="large"), de="small")
    assert (lease.name, [notice.code for notice in lease.notices]) == ("small", ["model_replaced"])
    assert "which is chosen in the account" in lease.notices[0].message
    assert "There is no memory for large." in lease.notices[0].message


@pytest.mark.parametrize("other", ["base.en", "distil-large-v3", "large-v3-turbo", "turbo"])
def test_a_model_that_cannot_translate_is_not_chosen_to(models: Models, other: str) -> None:
    assert chosen(models, a_job(task="translate"), spoken="de", de=other).name == "base"
    assert chosen(models, a_job(task="translate", language="de"), de=other).name == "base"
    assert chosen(models, a_job(language="de"), de=other).name == other
    assert chosen(models, a_job(task="translate"), spoken="de", de="small").name == "small"


def test_languages_may_be_names() -> None:
    assert models_by_language(["German: small", "en:base.en"]) == {"de": "small", "en": "base.en"}
