"""Readiness check: can this model transcribe now? Checked at each request, before its upload is read."""

from whisper_appliance.core.errors import InvalidRequest, ModelUnavailable, NotFound
from whisper_appliance.engines.contract import Task
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.models.manager import ModelManager
from whisper_appliance.models.status import ModelStatus

RETRY_SECONDS = 30.0
NOT_READY = ("missing", "downloading", "failed")


def check_ready(
    models: ModelManager[EngineProcess],
    name: str | None,
    *,
    language: str | None = None,
    task: Task = "transcribe",
) -> None:
    """Raises `InvalidRequest` for options the model lacks, `ModelUnavailable` if it is not ready."""
    wanted = name or models.default
    model = models.get_model(wanted)
    if model is None:
        raise InvalidRequest(
            "There is no model named {wanted!r}; /api/models lists them.", wanted=wanted[:60], field="model"
        )
    if model.languages == "en" and language not in (None, "en"):
        raise InvalidRequest("The model {model} supports English only.", model=model.name, field="language")
    if task == "translate":
        check_translates(model)
    if model.state in NOT_READY:
        _fetch_or_reject(models, model)


def _fetch_or_reject(models: ModelManager[EngineProcess], model: ModelStatus) -> None:
    """A request downloads or reloads the default model; only admins download other models."""
    reason = model.reason or f"The model {model.name} is not on this machine."
    if model.default or model.state != "missing":
        try:
            with models.engine(model.name):
                return
        except NotFound:
            raise _coming(model) or ModelUnavailable(reason, retry_after_seconds=RETRY_SECONDS) from None
    raise ModelUnavailable(
        "{reason} An administrator can download it: whisper-appliance models pull {name}",
        reason=reason,
        name=model.name,
        field="model",
        retry_after_seconds=RETRY_SECONDS,
    )


def _coming(model: ModelStatus) -> ModelUnavailable | None:
    """The error for a model of the hub that an admin is downloading; it is in no list before it is here."""
    if (download := model.download) is None or not download.active:
        return None
    return ModelUnavailable(
        "The model {name} is being downloaded, {percent} %. Try again later.",
        name=model.name,
        percent=int(download.progress * 100),
        retry_after_seconds=download.eta_seconds or RETRY_SECONDS,
    )


def check_translates(model: ModelStatus, field: str = "task") -> None:
    """Raises `InvalidRequest`, about `field`, if the model cannot write English when another is spoken."""
    if model.translates:
        return
    if model.languages == "en":
        raise InvalidRequest(
            "The model {model} cannot translate; choose one without '.en'.", model=model.name, field=field
        )
    raise InvalidRequest(
        "The model {model} was not trained to translate; choose another one, such as medium.",
        model=model.name,
        field=field,
    )
