"""How the rooms of accounts tell what was done: through a function they are given."""

from collections.abc import Mapping
from typing import Protocol

from whisper_appliance.accounts.identity import Actor


class Record(Protocol):
    """Keeps who did what to which object. `details` are short facts, no words of recordings, no secrets."""

    def __call__(
        self, actor: Actor, action: str, object: str = "", details: Mapping[str, object] | None = None
    ) -> None:
        """One line of the record; `action` is a noun and a verb, such as `user.disable`."""


def unrecorded(
    actor: Actor, action: str, object: str = "", details: Mapping[str, object] | None = None
) -> None:
    """Keeps nothing."""
