"""Which model is the default, and how another is chosen."""

from typing import Protocol

from whisper_appliance.models.catalog import canonical


class Choice(Protocol):
    """Where the default model is kept."""

    @property
    def name(self) -> str:
        """The default model now."""
        ...

    def check(self) -> None:
        """Raises `Conflict` when no other can be chosen here."""

    def make(self, name: str, by: str) -> None:
        """Chooses a model, in the name of whoever asked for it."""


class PassingChoice:
    """A choice that nobody keeps: for programs that end soon."""

    def __init__(self, name: str) -> None:
        self.name = canonical(name)

    def check(self) -> None:
        """Any model may be chosen."""

    def make(self, name: str, by: str) -> None:
        """From now on, this one."""
        self.name = canonical(name)
