"""Authorization: `is_allowed` decides for every route and every socket who may do what to which resource."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from whisper_appliance.accounts.identity import Actor, Role, Scope
from whisper_appliance.storage.schema import accounts as tables

ResourceKind = Literal["transcript", "job", "live session", "account", "appliance"]
Action = Literal[
    "transcribe",
    "read",
    "comment",
    "edit",
    "change",
    "delete",
    "share",
    "oversee",
    "cancel",
    "manage",
    "administer",
    "own",
]
ShareRole = tables.ShareRole
AccessMode = Literal["network", "accounts"]
"""Who may use the appliance: everybody on its network, or only people with an account."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is done to: its owner, the users it is shared with by id; for an account, its role."""

    kind: ResourceKind
    owner: str = ""
    shared_with: Mapping[str, ShareRole] = field(default_factory=dict)
    role: Role | None = None


APPLIANCE = Resource("appliance")

ALLOWED_BY_SHARE: dict[ShareRole, tuple[Action, ...]] = {
    "reader": ("read",),
    "commenter": ("read", "comment"),
    "editor": ("read", "comment", "edit"),
}

REQUIRED_SCOPE: dict[Action, Scope] = {
    "transcribe": "transcribe",
    "read": "read",
    "comment": "write",
    "edit": "write",
    "change": "write",
    "delete": "write",
    "share": "write",
    "cancel": "transcribe",
    "oversee": "admin",
    "manage": "admin",
    "administer": "admin",
    "own": "admin",
}


def is_allowed(actor: Actor, action: Action, resource: Resource, *, access_mode: AccessMode) -> bool:
    """Whether `actor` may do `action` to `resource`.

    - A transcript, a job and a live session belong to their owner. One without an owner (`""`) is open to
      everybody who has its 128-bit id. Those in `shared_with` may do what their role allows.
    - Admins oversee all jobs, live sessions and accounts and cancel jobs and sessions, but do not read
      transcripts. Only the owner of the appliance manages admins.
    - An API key never has more rights than its scopes (`REQUIRED_SCOPE`); a disabled user has none.
    """
    if REQUIRED_SCOPE[action] not in actor.scopes or (actor.user is not None and actor.user.disabled):
        return False
    if actor.user is None and access_mode == "accounts":
        return False
    if resource.kind == "appliance":
        return _may_use_appliance(actor, action)
    if resource.kind == "account":
        return _may_manage_account(actor, action, resource)
    if action in ("oversee", "cancel") and actor.is_admin:
        return True
    role = resource.shared_with.get(actor.user.id) if actor.user is not None else None
    if role is not None and action in ALLOWED_BY_SHARE[role]:
        return True
    return action not in ("oversee", "manage", "administer", "own") and resource.owner in ("", actor.owner)


def _may_use_appliance(actor: Actor, action: Action) -> bool:
    if action == "own":
        return actor.is_admin and actor.user is not None and actor.user.role == "owner"
    if action in ("administer", "oversee", "manage"):
        return actor.is_admin
    return action in ("transcribe", "read")


def _may_manage_account(actor: Actor, action: Action, account: Resource) -> bool:
    if actor.user is None:
        return False
    if action in ("read", "change") and account.owner == actor.user.id:
        return True
    if action not in ("manage", "oversee", "read"):
        return False
    return actor.is_admin and (account.role == "member" or actor.user.role == "owner" or action == "oversee")
