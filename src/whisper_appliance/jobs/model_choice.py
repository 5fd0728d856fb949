"""Chooses the model of a job: of its request, of its owner, for its language, or the default."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from whisper_appliance.core.errors import ApplianceError, ModelUnavailable, NotFound
from whisper_appliance.core.i18n import N_
from whisper_appliance.jobs.job import Job
from whisper_appliance.models.catalog import translates
from whisper_appliance.transcript.model import Notice

Lease = Callable[[ExitStack, str], Any]
"""Leases the engine of a model until the stack is closed; waits while the model is being downloaded."""
Failure = tuple[str, str, ApplianceError]
"""The notice of a model that could not be used, its name, and the reason."""
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
        default, failed = self.default(), list[Failure]()
        for wanted, template in self._preferred(lease, job, recording, cancelled):
            if wanted == default:
                break
            try:
                engine = _lease_ready(held, models, wanted)
            except (NotFound, ModelUnavailable) as error:
                failed.append((template, wanted, error))
            else:
                return LeasedModel(wanted, engine, _notices(failed, wanted))
        return LeasedModel(default, lease(held, default), _notices(failed, default))

    def _preferred(
        self, lease: Lease, job: Job, recording: Any, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[str, str]]:
        """The models to try before the default one, each with the notice if it is replaced.

        The language is detected only if the second one is needed.
        """
        if job.preferred_model:
            yield job.preferred_model, PREFERRED_REPLACED
        by_language, language = self._suitable(job), job.options.language or ""
        if by_language and not language:
            with ExitStack() as detecting:
                engine = lease(detecting, self.default())
                language = self.detect(recording, engine, job, cancelled=cancelled)
        if language in by_language:
            yield by_language[language], MODEL_REPLACED

    def _suitable(self, job: Job) -> Mapping[str, str]:
        """The models by language; if the job is to translate, those that can."""
        models = self.by_language()
        if job.options.task != "translate":
            return models
        return {code: model for code, model in models.items() if translates(model)}


def _notices(failed: Sequence[Failure], used: str) -> tuple[Notice, ...]:
    """That models were replaced by the one that is used."""
    return tuple(
        Notice("model_replaced", template.format(wanted=wanted, default=used, reason=error.message))
        for template, wanted, error in failed
    )


def _lease_ready(held: ExitStack, models: EngineProvider, name: str) -> Any:
    """Leases a model that has loaded its weights, because only then it is known to fit into memory."""
    with ExitStack() as trying:
        engine = trying.enter_context(models.engine(name))
        engine.wait_ready()
        held.push(trying.pop_all())
        return engine
