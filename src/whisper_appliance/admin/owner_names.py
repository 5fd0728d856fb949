"""Whose something is, in words for the panel."""

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, Field

from whisper_appliance.library.transcript_rows import NOBODY
from whisper_appliance.web.context import appliance

VISITOR_CHARS = 4


class OwnerAnswer(BaseModel):
    """Whose something is."""

    kind: Literal["user", "visitor", "nobody"] = Field(
        description="`visitor`: a browser, or a user who is gone; `nobody`: neither of both."
    )
    name: str
    id: str | None = Field(description="Of a user.")


def owner_namer() -> Callable[[str], OwnerAnswer]:
    """Names owners, by one look at the users."""
    users = {user.id: user.name for user in appliance().accounts.users.list()}

    def named(owner: str) -> OwnerAnswer:
        if owner in users:
            return OwnerAnswer(kind="user", name=users[owner], id=owner)
        if owner == NOBODY:
            return OwnerAnswer(kind="nobody", name="Nobody", id=None)
        return OwnerAnswer(kind="visitor", name=f"Visitor {owner[:VISITOR_CHARS]}", id=None)

    return named
