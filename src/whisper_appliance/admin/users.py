"""User administration: roles, quotas, usage, sessions and keys of all accounts, and the access mode."""

import secrets

from flask import Response, jsonify, render_template
from pydantic import Field

from whisper_appliance.accounts.access import AccessMode
from whisper_appliance.accounts.identity import Role, User
from whisper_appliance.accounts.usage import UsageTotals, UserQuota
from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.admin.invitations import InvitationResponse, invitation_response
from whisper_appliance.core.errors import Conflict, InvalidRequest
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor, require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses
from whisper_appliance.web.schemas.account import (
    KeyResponse,
    OwnSessionResponse,
    QuotaResponse,
    key_response,
    session_response,
)
from whisper_appliance.web.schemas.transcript import UtcTime

blueprint = admin_only(LazyBlueprint("admin_users", __name__, abp_tags=[ADMIN]))

CHANGE_ERRORS = (*ADMIN_ERRORS, 404, 409, 503, 507)


class UserPath(Schema):
    """The address of an account."""

    id: str = Field(description="Id of the account.", pattern=ID_REGEX)


class AccessModeBody(Schema):
    """Who may use the appliance."""

    openness: AccessMode = Field(
        description="network: anyone who reaches it; accounts: only people with one."
    )


class OwnQuotaBody(Schema):
    """What one user may use; null is the default, 0 minutes or bytes no limit."""

    minutes_per_month: float | None = Field(None, ge=0, le=1e6, description="Minutes of audio a month.")
    storage_bytes: int | None = Field(None, ge=0, le=2**50, description="What may be kept.")
    waiting_jobs: int | None = Field(None, ge=1, le=10_000, description="Jobs that may wait.")


class UserBody(Schema):
    """What to change; what is left out stays."""

    role: Role | None = Field(None, description="Admins run the appliance, owners manage admins.")
    disabled: bool | None = Field(None, description="Whether nobody can sign in with it.")
    quota: OwnQuotaBody | None = Field(None, description="All three at once.")


class RemoveBody(Schema):
    """How to delete an account."""

    name: str = Field(description="Name of the account, to be sure.", max_length=200)
    heir: str | None = Field(
        None, description="Name of the user who gets its transcripts; null erases them.", max_length=200
    )


class AdminUserResponse(Schema):
    """An account, what it uses and what it may use."""

    id: str
    name: str
    role: Role
    disabled: bool
    created: str = UtcTime
    last_seen: str | None
    month_seconds: float
    all_seconds: float
    all_jobs: int
    storage_bytes: int
    quota: QuotaResponse
    provider: str | None = Field(description="Issuer of the provider with which they sign in; null: none.")
    has_password: bool = Field(description="Whether they can sign in with a password of this appliance.")
    own_quota: QuotaResponse = Field(description="What was set for this account; null: the default.")
    second_factor: bool = Field(description="Whether there is an authenticator app or a passkey.")
    manageable: bool = Field(description="Whether the caller may change it.")


class AdminUserList(Schema):
    """Everybody, invitations that are open, and who may use the appliance."""

    openness: AccessMode
    users: list[AdminUserResponse]
    invitations: list[InvitationResponse]
    visitors_month_seconds: float = Field(description="What everybody without an account used this month.")


class AdminUserDetail(AdminUserResponse):
    """An account with its sessions and keys."""

    sessions: list[OwnSessionResponse]
    keys: list[KeyResponse]


class PasswordResponse(Schema):
    """A generated password, which is shown only in this response."""

    password: str


@blueprint.get(
    "/admin/users",
    responses=admin_page("Everybody with an account."),
    operation_id="admin_users_page_admin_users_get",
)
def users_page() -> str:
    """Everybody with an account, and who may use the appliance."""
    return render_template("admin/users.html")


@blueprint.get("/api/admin/users", responses={200: AdminUserList, **error_responses(*ADMIN_ERRORS, 503)})
def list_users() -> Response:
    """Everybody: role, state, use and quota; no words of theirs."""
    users, totals = appliance().accounts.users.list_users(), appliance().usage.totals()
    user_ids = {user.id for user in users}
    response = AdminUserList(
        openness=appliance().accounts.access_mode.get(),
        users=[_user_response(user, totals) for user in users],
        invitations=[invitation_response(each) for each in appliance().accounts.invitations.list_open()],
        visitors_month_seconds=sum(
            each.month_seconds for owner, each in totals.items() if owner not in user_ids
        ),
    )
    return jsonify(response.model_dump())


@blueprint.put("/api/admin/openness", responses={204: None, **error_responses(400, *ADMIN_ERRORS, 503, 507)})
def set_openness(body: AccessModeBody) -> tuple[str, int]:
    """Says who may use the appliance: anyone on its network, or only people with an account."""
    appliance().accounts.access_mode.set(body.openness, by=require("administer"))
    return "", 204


@blueprint.get(
    "/api/admin/users/<hex32:id>",
    responses={200: AdminUserDetail, **error_responses(*ADMIN_ERRORS, 404, 503)},
    operation_id="admin_users_read_api_admin_users__hex32_id__get",
)
def get_user(path: UserPath) -> Response:
    """One account with its sessions and keys."""
    user = resources.authorized_account(path.id, "oversee")
    accounts = appliance().accounts
    sessions = accounts.sessions.list_sessions(user.id)
    return jsonify(
        {
            **_user_response(user, appliance().usage.totals()).model_dump(),
            "sessions": [session_response(each, current_actor().session) for each in sessions],
            "keys": [key_response(key) for key in accounts.keys.list_keys(user.id)],
        }
    )


@blueprint.patch(
    "/api/admin/users/<hex32:id>",
    responses={200: AdminUserResponse, **error_responses(400, *CHANGE_ERRORS)},
    operation_id="admin_users_change_api_admin_users__hex32_id__patch",
)
def update_user(path: UserPath, body: UserBody) -> Response:
    """Changes role, state or quota of an account; admins those of members, owners everybody's."""
    user, users = resources.authorized_account(path.id, "manage"), appliance().accounts.users
    if body.role is not None and body.role != user.role:
        if body.role != "member":
            require("own")
        user = users.set_role(user.id, body.role, by=current_actor(), if_role=user.role)
    if body.disabled is not None and body.disabled != user.disabled:
        if body.disabled:
            users.disable(user.id, by=current_actor(), if_role=user.role)
        else:
            users.enable(user.id, by=current_actor())
    if body.quota is not None:
        appliance().usage.set_quota(user.id, UserQuota(**body.quota.model_dump()))
        record("user.quota", user.id, name=user.name, **body.quota.model_dump())
    return jsonify(_user_response(users.get(user.id), appliance().usage.totals()).model_dump())


@blueprint.post(
    "/api/admin/users/<hex32:id>/password",
    responses={200: PasswordResponse, **error_responses(*CHANGE_ERRORS)},
    operation_id="admin_users_new_password_api_admin_users__hex32_id__password_post",
)
def reset_password(path: UserPath) -> Response:
    """Gives an account a password that is made up, for who forgot theirs; its sessions end."""
    user = _account_of_another(path.id)
    password = secrets.token_urlsafe(15)
    appliance().accounts.users.set_password(user.id, password, by=current_actor(), if_role=user.role)
    return jsonify(PasswordResponse(password=password).model_dump())


@blueprint.delete(
    "/api/admin/users/<hex32:id>/second-factor", responses={204: None, **error_responses(*CHANGE_ERRORS)}
)
def reset_second_factor(path: UserPath) -> tuple[str, int]:
    """Turns off the second factor of a user who cannot give a code any more; removes the passkeys."""
    user = _account_of_another(path.id)
    appliance().accounts.reset_second_factor(user, by=current_actor())
    return "", 204


@blueprint.delete(
    "/api/admin/users/<hex32:id>/sessions", responses={204: None, **error_responses(*CHANGE_ERRORS)}
)
def end_sessions(path: UserPath) -> tuple[str, int]:
    """Signs a user out everywhere."""
    user = resources.authorized_account(path.id, "manage")
    appliance().accounts.sessions.end_others(user.id, by=current_actor())
    return "", 204


@blueprint.delete(
    "/api/admin/users/<hex32:id>/keys", responses={204: None, **error_responses(*CHANGE_ERRORS)}
)
def revoke_keys(path: UserPath) -> tuple[str, int]:
    """Ends all API keys of a user."""
    user, keys = resources.authorized_account(path.id, "manage"), appliance().accounts.keys
    for key in keys.list_keys(user.id):
        keys.revoke(key.id, by=current_actor())
    return "", 204


@blueprint.delete(
    "/api/admin/users/<hex32:id>",
    responses={204: None, **error_responses(400, *CHANGE_ERRORS)},
    operation_id="admin_users_remove_api_admin_users__hex32_id__delete",
)
def delete_user(path: UserPath, body: RemoveBody) -> tuple[str, int]:
    """Deletes an account, and its transcripts, unless another user gets them."""
    user, accounts = _account_of_another(path.id), appliance().accounts
    if body.name != user.name:
        raise InvalidRequest("To delete this account, give its name: {name}.", name=user.name, field="name")
    heir = accounts.users.by_name(body.heir).id if body.heir is not None else None
    accounts.remove_user(user.id, heir=heir, by=current_actor(), if_role=user.role)
    return "", 204


def _account_of_another(user_id: str) -> User:
    """The account, if the actor may manage it. One's own needs one's password, on the page of the account."""
    user = resources.authorized_account(user_id, "manage")
    if user.id == current_actor().owner:
        raise Conflict("This is your own account. Change it on the page of your account.")
    return user


def _user_response(user: User, totals: dict[str, UsageTotals]) -> AdminUserResponse:
    providers = appliance().single_sign_on.providers()
    used, usage = totals.get(user.id, UsageTotals()), appliance().usage
    return AdminUserResponse(
        id=user.id,
        name=user.name,
        role=user.role,
        disabled=user.disabled,
        created=user.created,
        last_seen=user.last_seen,
        month_seconds=used.month_seconds,
        all_seconds=used.all_seconds,
        all_jobs=used.all_jobs,
        storage_bytes=appliance().storage_usage.used_by(user.id),
        quota=QuotaResponse.model_validate(usage.effective_quota(user.id), from_attributes=True),
        provider=providers.get(user.id),
        has_password=user.has_password,
        own_quota=QuotaResponse.model_validate(usage.user_quota(user.id), from_attributes=True),
        second_factor=appliance().accounts.has_second_factor(user),
        manageable=resources.can_manage(user),
    )
