"""Names of owners (users, visitors) for the admin panel."""

from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import Field

from whisper_appliance.accounts.identity import User
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.transcript_rows import NO_OWNER
from whisper_appliance.web.i18n import translate

VISITOR_CHARS = 4


class OwnerResponse(Schema):
    """Whose something is."""

    kind: Literal["user", "visitor", "nobody"] = Field(
        description="`visitor`: a browser, or a user who is gone; `nobody`: neither of both."
    )
    name: str
    id: str | None = Field(description="Of a user.")


NameOf = Callable[[str], OwnerResponse]


def owner_names(users: Iterable[User]) -> NameOf:
    """A function from owner to name."""
    names = {user.id: user.name for user in users}

    def name_of(owner: str) -> OwnerResponse:
        if owner in names:
            return OwnerResponse(kind="user", name=names[owner], id=owner)
        if owner == NO_OWNER:
            return OwnerResponse(kind="nobody", name=translate("Nobody"), id=None)
        name = translate("Visitor {number}", number=owner[:VISITOR_CHARS])
        return OwnerResponse(kind="visitor", name=name, id=None)

    return name_of
