"""Who asks. An `Actor` is made once a request; rooms below the web know nothing but its `owner`."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "admin", "member"]
Scope = Literal["transcribe", "read", "write", "admin"]
"""What an API key may do: send audio; read, change and share what is its user's; administer."""

ROLES: tuple[Role, ...] = ("owner", "admin", "member")
SCOPES: tuple[Scope, ...] = ("transcribe", "read", "write", "admin")


@dataclass(frozen=True, slots=True)
class User:
    """An account. `id` is the owner of what its user makes."""

    id: str
    name: str
    role: Role
    created: str
    disabled: bool = False
    last_seen: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks for something: a signed-in user, a program with a user's key, a visitor, nobody.

    `owner` is what the objects of this actor carry: the user's id, else that of the visitor's browser, else
    `""`. `scopes` bounds what a key may do; a person at a page has all of them. `session` or `key` is the id
    of what told who this is. `title` names who is no user: the shell, the first start.
    """

    owner: str
    user: User | None = None
    scopes: frozenset[Scope] = frozenset(SCOPES)
    session: str = ""
    key: str = ""
    title: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether the user may run the appliance, and whoever asks may use that right."""
        return self.user is not None and self.user.role in ("owner", "admin") and "admin" in self.scopes

    @property
    def name(self) -> str:
        """How records and pages call this actor."""
        return self.user.name if self.user else self.title or ("visitor" if self.owner else "nobody")


SHELL = Actor("", title="shell")
"""Whoever may run commands on the machine itself."""
FIRST_START = Actor("", title="first start")
