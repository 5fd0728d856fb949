"""Chooses the model of a job: of its request, of its owner, for its language, or the default."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol

from whisper_appliance.core.errors import ApplianceError, ModelUnavailable, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.jobs.job import Job
from whisper_appliance.models.catalog import translates
from whisper_appliance.transcript.model import Notice

Lease = Callable[[ExitStack, str], Any]
"""Leases the engine of a model until the stack is closed; waits while the model is being downloaded."""
PREFERRED_REPLACED = N_(
    "The model {wanted}, which is chosen in the account, could not be used, so {default} was: {reason}"
)
MODEL_REPLACED = N_("The model {wanted} for this language could not be used, so {default} was: {reason}")


class EngineProvider(Protocol):
    """The part of the `ModelManager` that jobs use."""

    def engine(self, name: str | None = None) -> AbstractContextManager[Any]:
        """Leases the engine of a loaded model."""
        ...


class DetectLanguage(Protocol):
    """Detects the language of a decoded recording with `transcription.transcribe.detect_language`."""

    def __call__(self, recording: Any, engine: Any, job: Job, *, cancelled: Callable[[], bool]) -> str:
        """Returns its code; empty if nobody speaks."""
        ...


@dataclass(frozen=True, slots=True)
class LeasedModel:
    """The model of a job, its engine, and a notice if it is not the one that was meant."""

    name: str
    engine: Any
    notices: tuple[Notice, ...] = ()


def _no_models() -> Mapping[str, str]:
    return {}


def _no_language(recording: Any, engine: Any, job: Job, *, cancelled: Callable[[], bool]) -> str:
    del recording, engine, cancelled
    return job.options.language or ""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model a job gets. `by_language` returns models by code of language, for jobs that name none."""

    default: Callable[[], str]
    by_language: Callable[[], Mapping[str, str]] = _no_models
    detect: DetectLanguage = _no_language

    def lease(
        self,
        held: ExitStack,
        models: EngineProvider,
        lease: Lease,
        job: Job,
        recording: Any,
        cancelled: Callable[[], bool],
    ) -> LeasedModel:
        """Leases the job's model until `held` is closed. The language is detected with the default model.

        A model that the owner chose, or one for a language, is replaced if it is missing or does not fit into
        memory. Raises what `lease` raises.
        """
        if job.model:
            return LeasedModel(job.model, lease(held, job.model))
        preferred = job.preferred_model
        if preferred is None or preferred == self.default():
            return self._lease_suitable(held, models, lease, job, recording, cancelled)
        try:
            return LeasedModel(preferred, _lease_ready(held, models, preferred))
        except (NotFound, ModelUnavailable) as error:
            chosen = self._lease_suitable(held, models, lease, job, recording, cancelled)
            notice = _replaced(PREFERRED_REPLACED, preferred, chosen.name, error)
            return replace(chosen, notices=(notice, *chosen.notices))

    def _lease_suitable(
        self,
        held: ExitStack,
        models: EngineProvider,
        lease: Lease,
        job: Job,
        recording: Any,
        cancelled: Callable[[], bool],
    ) -> LeasedModel:
        """Leases the model for the language, or the default one."""
        default, by_language = self.default(), self._suitable(job)
        language = job.options.language or ""
        if by_language and not language:
            with ExitStack() as detecting:
                engine = lease(detecting, default)
                language = self.detect(recording, engine, job, cancelled=cancelled)
        wanted = by_language.get(language, default)
        if wanted == default:
            return LeasedModel(default, lease(held, default))
        try:
            return LeasedModel(wanted, _lease_ready(held, models, wanted))
        except (NotFound, ModelUnavailable) as error:
            notice = _replaced(MODEL_REPLACED, wanted, default, error)
            return LeasedModel(default, lease(held, default), (notice,))

    def _suitable(self, job: Job) -> Mapping[str, str]:
        """The models by language; if the job is to translate, those that can."""
        models = self.by_language()
        if job.options.task != "translate":
            return models
        return {code: model for code, model in models.items() if translates(model)}


def _replaced(template: str, wanted: str, default: str, error: ApplianceError) -> Notice:
    return Notice("model_replaced", template.format(wanted=wanted, default=default, reason=error.message))


def _lease_ready(held: ExitStack, models: EngineProvider, name: str) -> Any:
    """Leases a model that has loaded its weights, because only then it is known to fit into memory."""
    with ExitStack() as trying:
        engine = trying.enter_context(models.engine(name))
        engine.wait_ready()
        held.push(trying.pop_all())
        return engine
