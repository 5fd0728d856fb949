"""Which model is the default: what WHISPER_MODEL says, until somebody chooses another."""

from pathlib import Path

from whisper_appliance.models.catalog import canonical
from whisper_appliance.models.checksums import read_json, write_json


class Choice:
    """The default model, kept in a file so that it survives a restart.

    When WHISPER_MODEL changes, the operator has spoken last: the setting goes before an older choice.
    """

    def __init__(self, path: Path, setting: str) -> None:
        self._path = path
        self._setting = setting
        kept = read_json(path)
        chosen = kept.get("model") if kept.get("whisper_model") == setting else None
        self.name = canonical(chosen if isinstance(chosen, str) else setting)

    def make(self, name: str) -> None:
        """Chooses a model, for now and for after a restart."""
        self.name = canonical(name)
        write_json(self._path, {"model": self.name, "whisper_model": self._setting})
