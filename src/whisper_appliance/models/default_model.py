"""The default model: used when a request names none, and changed from the admin panel."""

from typing import Protocol

from whisper_appliance.config.overrides import SettingOverrides
from whisper_appliance.models.catalog import canonical


class DefaultModel(Protocol):
    """Stores which model is the default."""

    @property
    def name(self) -> str:
        """The name of the current default model."""
        ...

    def check_changeable(self) -> None:
        """Raises `Conflict` if the default cannot be changed."""

    def set(self, name: str, by: str) -> None:
        """Makes another model the default; `by` is the id of the user who did it."""


class InMemoryDefault:
    """A default that is not stored: for commands, which end soon."""

    def __init__(self, name: str) -> None:
        self.name = canonical(name)

    def check_changeable(self) -> None:
        """Never raises."""

    def set(self, name: str, by: str) -> None:
        """Makes another model the default until the process ends."""
        del by
        self.name = canonical(name)


class PersistedDefault:
    """The default model, stored as an override of the setting WHISPER_MODEL."""

    def __init__(self, overrides: SettingOverrides) -> None:
        self._overrides = overrides

    @property
    def name(self) -> str:
        """The name of the current default model."""
        return canonical(self._overrides.settings.whisper_model)

    def check_changeable(self) -> None:
        """Raises `Conflict` if the environment sets WHISPER_MODEL."""
        self._overrides.check_changeable("whisper_model")

    def set(self, name: str, by: str) -> None:
        """Makes another model the default, also after a restart."""
        self._overrides.set("whisper_model", name, by)
