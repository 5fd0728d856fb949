"""Names of owners (users, visitors) for the admin panel."""

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, Field

from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.web.context import appliance

VISITOR_CHARS = 4


class OwnerResponse(BaseModel):
    """Whose something is."""

    kind: Literal["user", "visitor", "nobody"] = Field(
        description="`visitor`: a browser, or a user who is gone; `nobody`: neither of both."
    )
    name: str
    id: str | None = Field(description="Of a user.")


def owner_names() -> Callable[[str], OwnerResponse]:
    """A function from owner to name; reads the users once."""
    users = {user.id: user.name for user in appliance().accounts.users.list_users()}

    def name_of(owner: str) -> OwnerResponse:
        if owner in users:
            return OwnerResponse(kind="user", name=users[owner], id=owner)
        if owner == NO_OWNER:
            return OwnerResponse(kind="nobody", name="Nobody", id=None)
        return OwnerResponse(kind="visitor", name=f"Visitor {owner[:VISITOR_CHARS]}", id=None)

    return name_of
