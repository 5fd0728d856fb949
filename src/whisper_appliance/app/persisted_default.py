"""The default model is the setting WHISPER_MODEL, changed in the panel like any other."""

from whisper_appliance.config.overrides import Adjustments
from whisper_appliance.models.catalog import canonical


class AdjustedChoice:
    """The default model, kept where the panel's settings are."""

    def __init__(self, adjustments: Adjustments) -> None:
        self._adjustments = adjustments

    @property
    def name(self) -> str:
        """The default model now."""
        return canonical(self._adjustments.settings.whisper_model)

    def check(self) -> None:
        """Raises `Conflict` where WHISPER_MODEL is given at the start."""
        self._adjustments.check_changeable("whisper_model")

    def make(self, name: str, by: str) -> None:
        """Chooses a model, for now and for after a restart."""
        self._adjustments.set("whisper_model", name, by)
