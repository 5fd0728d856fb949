"""Invitations: one-time links to create an account."""

from flask import Response, jsonify, url_for
from pydantic import Field

from whisper_appliance.accounts.identity import Role
from whisper_appliance.accounts.invitations import Invitation
from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses
from whisper_appliance.web.schemas.transcript import UtcTime

blueprint = admin_only(LazyBlueprint("admin_invitations", __name__, abp_tags=[ADMIN]))


class InvitationPath(Schema):
    """The address of an invitation."""

    id: str = Field(description="Id of the invitation.", pattern=ID_REGEX)


class InvitationBody(Schema):
    """Whom to invite."""

    role: Role = Field("member", description="What they will be.")
    note: str = Field("", description="For whom it is, for the list.", max_length=200)
    days: float = Field(7, gt=0, le=365, description="Days until the link ends.")


class InvitationResponse(Schema):
    """An invitation that was not used yet, without its link."""

    id: str
    role: Role
    note: str
    created: str = UtcTime
    expires: str = UtcTime


class NewInvitation(InvitationResponse):
    """A new invitation, and its link, which is shown only in this response."""

    path: str = Field(description="Of the page, on this appliance.", examples=["/join/3kQ…"])


@blueprint.post(
    "/api/admin/invitations",
    responses={201: NewInvitation, **error_responses(400, *ADMIN_ERRORS, 503, 507)},
    operation_id="admin_invitations_invite_api_admin_invitations_post",
)
def create_invitation(body: InvitationBody) -> tuple[Response, int]:
    """Makes a link with which one person makes an account. Only owners invite admins and owners."""
    actor = require("own" if body.role != "member" else "administer")
    invitation, token = appliance().accounts.invitations.create(
        body.role, note=body.note, days=body.days, by=actor
    )
    path = url_for("join.join_page", token=token)
    return jsonify({**invitation_response(invitation).model_dump(), "path": path}), 201


@blueprint.delete(
    "/api/admin/invitations/<hex32:id>",
    responses={204: None, **error_responses(*ADMIN_ERRORS, 404, 503, 507)},
    operation_id="admin_invitations_revoke_api_admin_invitations__hex32_id__delete",
)
def revoke_invitation(path: InvitationPath) -> tuple[str, int]:
    """Ends an invitation that was not used yet."""
    appliance().accounts.invitations.revoke(path.id, by=require("administer"))
    return "", 204


def invitation_response(invitation: Invitation) -> InvitationResponse:
    """An invitation as JSON."""
    return InvitationResponse(
        id=invitation.id,
        role=invitation.role,
        note=invitation.note,
        created=invitation.created,
        expires=invitation.expires,
    )
