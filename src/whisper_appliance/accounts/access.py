"""Who may do what to which object: the one function that decides it, for every route and every socket."""

from dataclasses import dataclass
from typing import Literal

from whisper_appliance.accounts.identity import Actor, Role, Scope

Kind = Literal["transcript", "job", "live session", "account", "appliance"]
Action = Literal[
    "transcribe", "read", "change", "delete", "share", "oversee", "cancel", "manage", "administer", "own"
]
Openness = Literal["network", "accounts"]
"""Who may use the appliance: anyone who reaches it, or only people with an account."""


@dataclass(frozen=True, slots=True)
class Thing:
    """What is acted upon: whose it is, who else may read it; for an account, its role."""

    kind: Kind
    owner: str = ""
    readers: frozenset[str] = frozenset()
    role: Role | None = None


APPLIANCE = Thing("appliance")

NEEDED_SCOPE: dict[Action, Scope] = {
    "transcribe": "transcribe",
    "read": "read",
    "change": "write",
    "delete": "write",
    "share": "write",
    "cancel": "transcribe",
    "oversee": "admin",
    "manage": "admin",
    "administer": "admin",
    "own": "admin",
}


def may(actor: Actor, action: Action, thing: Thing, *, openness: Openness) -> bool:
    """Whether `actor` may do it.

    A transcript, a job and a live session belong to their owner; those of nobody (`""`) to whoever knows
    their 128-bit id. `readers` may read. Admins oversee everyone's jobs, live sessions and accounts (never
    their words), and cancel them; only the owner manages admins.
    """
    if NEEDED_SCOPE[action] not in actor.scopes or (actor.user is not None and actor.user.disabled):
        return False
    if actor.user is None and openness == "accounts":
        return False
    if thing.kind == "appliance":
        return _may_use(actor, action)
    if thing.kind == "account":
        return _may_manage(actor, action, thing)
    if action in ("oversee", "cancel") and actor.is_admin:
        return True
    if action == "read" and actor.user is not None and actor.user.id in thing.readers:
        return True
    return action not in ("oversee", "manage", "administer", "own") and thing.owner in ("", actor.owner)


def _may_use(actor: Actor, action: Action) -> bool:
    if action == "own":
        return actor.is_admin and actor.user is not None and actor.user.role == "owner"
    if action in ("administer", "oversee", "manage"):
        return actor.is_admin
    return action in ("transcribe", "read")


def _may_manage(actor: Actor, action: Action, account: Thing) -> bool:
    if actor.user is None:
        return False
    if action in ("read", "change") and account.owner == actor.user.id:
        return True
    if action not in ("manage", "oversee", "read"):
        return False
    return actor.is_admin and (account.role == "member" or actor.user.role == "owner" or action == "oversee")
