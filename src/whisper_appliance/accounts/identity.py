"""Identity: users, roles, API-key scopes, and the `Actor` on whose behalf a request runs.

The web layer makes one `Actor` for each request. Packages below it see only its `owner` id.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "admin", "member"]
Scope = Literal["transcribe", "read", "write", "admin"]
"""What an API key may do: send audio; read; change and share what belongs to its user; administer."""

ROLES: tuple[Role, ...] = ("owner", "admin", "member")
SCOPES: tuple[Scope, ...] = ("transcribe", "read", "write", "admin")


@dataclass(frozen=True, slots=True)
class User:
    """An account. Its `id` is the owner id of everything its user makes."""

    id: str
    name: str
    role: Role
    created: str
    disabled: bool = False
    last_seen: str | None = None
    language: str | None = None
    """The language of the pages; None follows the browser."""
    recording_days: int | None = None
    """Days for which recordings are kept, 0 for not at all; None follows the appliance."""
    model: str | None = None
    """The model for recordings whose request names none; None follows the appliance."""
    remembers_voices: bool = False
    """Whether voices of speakers whom the user names are remembered."""
    has_password: bool = True
    """False for people who sign in with a provider only."""


@dataclass(frozen=True, slots=True)
class Actor:
    """On whose behalf a request runs: a signed-in user, an API key of a user, a visitor, or nobody.

    - `owner`: the owner id of what this actor makes: the user's id, else the visitor id of the browser, else
      `""`.
    - `scopes`: what an API key may do; a signed-in user has all scopes.
    - `session` or `key`: the id of the session or API key that authenticated the request.
    - `title`: a name for actors that are no user, such as the shell or the first start.
    - `network`: the address or IPv6 network that the request came from; `""` inside the program.
    """

    owner: str
    user: User | None = None
    scopes: frozenset[Scope] = frozenset(SCOPES)
    session: str = ""
    key: str = ""
    title: str = ""
    network: str = ""

    @property
    def client(self) -> str:
        """The key under which limits of one client count: the user, else the network.

        The cookie of a visitor does not count, because a client can have any number of them.
        """
        return f"user {self.user.id}" if self.user else f"network {self.network}"

    @property
    def visitor_network(self) -> str:
        """The network, if the actor has no account; "" for a user."""
        return "" if self.user else self.network

    @property
    def is_admin(self) -> bool:
        """Whether the user is an owner or admin, and the scopes include `admin`."""
        return self.user is not None and self.user.role in ("owner", "admin") and "admin" in self.scopes

    @property
    def name(self) -> str:
        """The name in audit entries and on pages."""
        return self.user.name if self.user else self.title or ("visitor" if self.owner else "nobody")


SHELL = Actor("", title="shell")
"""The command line: people who may run commands on the machine."""
PROVIDER = Actor("", title="sign-in provider")
"""The OpenID Connect provider: makes accounts and gives roles at a sign-in, and ends sessions."""
FIRST_START = Actor("", title="first start")
