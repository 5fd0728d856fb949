"""The model that a user chose, for recordings whose request names none."""

from collections.abc import Callable
from contextlib import suppress

from whisper_appliance.accounts.users import Users
from whisper_appliance.core.errors import NotFound
from whisper_appliance.engines.contract import Task
from whisper_appliance.engines.process.client import EngineProcess
from whisper_appliance.models.catalog import suits
from whisper_appliance.models.manager import ModelManager

OwnModel = Callable[[str, str | None, Task], str | None]
"""The model that an owner chose, if it can do this in this language; None: the appliance chooses."""


def own_model(models: ModelManager[EngineProcess], users: Callable[[], Users]) -> OwnModel:
    """Returns the function that is called with the owner, language and task of a request.

    Its result is on this machine, but perhaps cannot be loaded now.
    """

    def choose(owner: str, language: str | None, task: Task) -> str | None:
        with suppress(NotFound):  # a visitor
            chosen = users().get(owner).model if owner else None
            model = models.get_model(chosen) if chosen else None
            if model and model.state not in ("missing", "downloading") and suits(model.name, language, task):
                return model.name
        return None

    return choose
