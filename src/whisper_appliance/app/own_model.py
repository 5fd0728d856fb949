"""The model that a user chose, for recordings whose request names none."""

from collections.abc import Callable
from contextlib import suppress

from whisper_appliance.accounts.users import Users
from whisper_appliance.app.readiness import NOT_READY, check_ready
from whisper_appliance.core.errors import InvalidRequest, ModelUnavailable, NotFound
from whisper_appliance.engines.contract import Task
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.models.manager import ModelManager

OwnModel = Callable[[str, str | None, Task], str | None]
"""The model that an owner chose, if it can do this in this language; None: the appliance chooses."""


def own_model(models: ModelManager[EngineProcess], users: Callable[[], Users]) -> OwnModel:
    """Returns the function that is called with the owner, language and task of a request."""

    def choose(owner: str, language: str | None, task: Task) -> str | None:
        with suppress(NotFound, InvalidRequest, ModelUnavailable):  # a visitor; or the model cannot
            chosen = users().get(owner).model if owner else None
            model = models.get_model(chosen) if chosen else None
            if model is not None and model.state not in NOT_READY:
                check_ready(models, model.name, language=language, task=task)
                return model.name
        return None

    return choose
