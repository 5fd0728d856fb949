"""Everybody with an account: roles, quotas and use; and who may use the appliance at all."""

import secrets

from flask import Response, jsonify, render_template
from pydantic import BaseModel, Field

from whisper_appliance.accounts.access import Openness
from whisper_appliance.accounts.identity import Role, User
from whisper_appliance.accounts.usage import OwnQuota, Totals
from whisper_appliance.admin.admin_only import ADMIN, GATE, admin_page, gated
from whisper_appliance.admin.invitations import InvitationAnswer, invitation_answer
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import actor, require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import failures
from whisper_appliance.web.schemas.account import (
    KeyAnswer,
    OwnSessionAnswer,
    QuotaAnswer,
    key_answer,
    session_answer,
)
from whisper_appliance.web.schemas.transcript import TimeOfDay

blueprint = gated(Blueprint("admin_users", __name__, abp_tags=[ADMIN]))

WRITES = (*GATE, 404, 409, 503, 507)


class UserPath(BaseModel):
    """The address of an account."""

    id: str = Field(description="Id of the account.", pattern="^[0-9a-f]{32}$")


class OpennessBody(BaseModel):
    """Who may use the appliance."""

    openness: Openness = Field(description="network: anyone who reaches it; accounts: only people with one.")


class OwnQuotaBody(BaseModel):
    """What one user may use; null is the default, 0 minutes or bytes no limit."""

    minutes_per_month: float | None = Field(None, ge=0, le=1e6, description="Minutes of audio a month.")
    storage_bytes: int | None = Field(None, ge=0, le=2**50, description="What may be kept.")
    waiting_jobs: int | None = Field(None, ge=1, le=10_000, description="Jobs that may wait.")


class UserBody(BaseModel):
    """What to change; what is left out stays."""

    role: Role | None = Field(None, description="Admins run the appliance, owners manage admins.")
    disabled: bool | None = Field(None, description="Whether nobody can sign in with it.")
    quota: OwnQuotaBody | None = Field(None, description="All three at once.")


class RemoveBody(BaseModel):
    """How to delete an account."""

    name: str = Field(description="Name of the account, to be sure.", max_length=200)
    heir: str | None = Field(
        None, description="Name of the user who gets its transcripts; null erases them.", max_length=200
    )


class AdminUserAnswer(BaseModel):
    """An account, what it uses and what it may use."""

    id: str
    name: str
    role: Role
    disabled: bool
    created: str = TimeOfDay
    last_seen: str | None
    month_seconds: float
    all_seconds: float
    all_jobs: int
    storage_bytes: int
    quota: QuotaAnswer
    own_quota: QuotaAnswer = Field(description="What was set for this account; null: the default.")
    manageable: bool = Field(description="Whether whoever asks may change it.")


class AdminUserList(BaseModel):
    """Everybody, invitations that are open, and who may use the appliance."""

    openness: Openness
    users: list[AdminUserAnswer]
    invitations: list[InvitationAnswer]
    visitors_month_seconds: float = Field(description="What everybody without an account used this month.")


class AdminUserDetail(AdminUserAnswer):
    """An account with its sessions and keys."""

    sessions: list[OwnSessionAnswer]
    keys: list[KeyAnswer]


class PasswordAnswer(BaseModel):
    """A password that was made up, told this once."""

    password: str


@blueprint.get("/admin/users", responses=admin_page("Everybody with an account."))
def page() -> str:
    """Everybody with an account, and who may use the appliance."""
    return render_template("admin/users.html")


@blueprint.get("/api/admin/users", responses={200: AdminUserList, **failures(*GATE, 503)})
def list_users() -> Response:
    """Everybody: role, state, use and quota; no words of theirs."""
    users, totals = appliance().accounts.users.list(), appliance().usage.totals()
    known = {user.id for user in users}
    answer = AdminUserList(
        openness=appliance().accounts.policy.openness(),
        users=[_answer(user, totals) for user in users],
        invitations=[invitation_answer(each) for each in appliance().accounts.invitations.list()],
        visitors_month_seconds=sum(each.month_seconds for id, each in totals.items() if id not in known),
    )
    return jsonify(answer.model_dump())


@blueprint.put("/api/admin/openness", responses={204: None, **failures(400, *GATE, 503, 507)})
def set_openness(body: OpennessBody) -> tuple[str, int]:
    """Says who may use the appliance: anyone on its network, or only people with an account."""
    appliance().accounts.policy.set_openness(body.openness, by=require("administer"))
    return "", 204


@blueprint.get("/api/admin/users/<hex32:id>", responses={200: AdminUserDetail, **failures(*GATE, 404, 503)})
def read(path: UserPath) -> Response:
    """One account with its sessions and keys."""
    user = resources.account(path.id, "oversee")
    accounts = appliance().accounts
    return jsonify(
        {
            **_answer(user, appliance().usage.totals()).model_dump(),
            "sessions": [session_answer(each, actor().session) for each in accounts.sessions.list(user.id)],
            "keys": [key_answer(key) for key in accounts.keys.list(user.id)],
        }
    )


@blueprint.patch("/api/admin/users/<hex32:id>", responses={200: AdminUserAnswer, **failures(400, *WRITES)})
def change(path: UserPath, body: UserBody) -> Response:
    """Changes role, state or quota of an account; admins those of members, owners everybody's."""
    user, users = resources.account(path.id, "manage"), appliance().accounts.users
    if body.role is not None and body.role != user.role:
        if body.role != "member":
            require("own")
        users.set_role(user.id, body.role, by=actor())
    if body.disabled is not None and body.disabled != user.disabled:
        (users.disable if body.disabled else users.enable)(user.id, by=actor())
    if body.quota is not None:
        appliance().usage.set_quota(user.id, OwnQuota(**body.quota.model_dump()))
        record("user.quota", user.id, name=user.name, **body.quota.model_dump())
    return jsonify(_answer(users.get(user.id), appliance().usage.totals()).model_dump())


@blueprint.post("/api/admin/users/<hex32:id>/password", responses={200: PasswordAnswer, **failures(*WRITES)})
def new_password(path: UserPath) -> Response:
    """Gives an account a password that is made up, for who forgot theirs; its sessions end."""
    user = resources.account(path.id, "manage")
    password = secrets.token_urlsafe(15)
    appliance().accounts.users.set_password(user.id, password, by=actor())
    return jsonify(PasswordAnswer(password=password).model_dump())


@blueprint.delete("/api/admin/users/<hex32:id>/sessions", responses={204: None, **failures(*WRITES)})
def end_sessions(path: UserPath) -> tuple[str, int]:
    """Signs a user out everywhere."""
    user = resources.account(path.id, "manage")
    appliance().accounts.sessions.end_others(user.id, by=actor())
    return "", 204


@blueprint.delete("/api/admin/users/<hex32:id>/keys", responses={204: None, **failures(*WRITES)})
def revoke_keys(path: UserPath) -> tuple[str, int]:
    """Ends all API keys of a user."""
    user, keys = resources.account(path.id, "manage"), appliance().accounts.keys
    for key in keys.list(user.id):
        keys.revoke(key.id, by=actor())
    return "", 204


@blueprint.delete("/api/admin/users/<hex32:id>", responses={204: None, **failures(400, *WRITES)})
def remove(path: UserPath, body: RemoveBody) -> tuple[str, int]:
    """Deletes an account, and its transcripts, unless another user gets them."""
    user, accounts = resources.account(path.id, "manage"), appliance().accounts
    if body.name != user.name:
        raise InvalidRequest(f"To delete this account, give its name: {user.name}.", field="name")
    heir = accounts.users.named(body.heir).id if body.heir is not None else None
    accounts.remove_user(user.id, heir=heir, by=actor())
    return "", 204


def _answer(user: User, totals: dict[str, Totals]) -> AdminUserAnswer:
    used, usage = totals.get(user.id, Totals()), appliance().usage
    return AdminUserAnswer(
        id=user.id,
        name=user.name,
        role=user.role,
        disabled=user.disabled,
        created=user.created,
        last_seen=user.last_seen,
        month_seconds=used.month_seconds,
        all_seconds=used.all_seconds,
        all_jobs=used.all_jobs,
        storage_bytes=appliance().space.used_by(user.id),
        quota=QuotaAnswer.model_validate(usage.quota(user.id), from_attributes=True),
        own_quota=QuotaAnswer.model_validate(usage.own_quota(user.id), from_attributes=True),
        manageable=resources.may_manage(user),
    )
