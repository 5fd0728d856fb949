"""The default model, stored as an override of the setting WHISPER_MODEL."""

from whisper_appliance.config.overrides import Adjustments
from whisper_appliance.models.catalog import canonical


class PersistedDefault:
    """The default model, stored with the setting overrides of the admin panel."""

    def __init__(self, adjustments: Adjustments) -> None:
        self._adjustments = adjustments

    @property
    def name(self) -> str:
        """The current default model."""
        return canonical(self._adjustments.settings.whisper_model)

    def check(self) -> None:
        """Raises `Conflict` if the environment fixes WHISPER_MODEL."""
        self._adjustments.check_changeable("whisper_model")

    def make(self, name: str, by: str) -> None:
        """Makes a model the default, also after a restart."""
        self._adjustments.set("whisper_model", name, by)
