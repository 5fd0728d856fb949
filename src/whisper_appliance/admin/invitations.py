"""Invitations: links with which somebody makes an account of their own."""

from flask import Response, jsonify, url_for
from pydantic import BaseModel, Field

from whisper_appliance.accounts.identity import Role
from whisper_appliance.accounts.invitations import Invitation
from whisper_appliance.admin.admin_only import ADMIN, GATE, gated
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import failures
from whisper_appliance.web.schemas.transcript import TimeOfDay

blueprint = gated(Blueprint("admin_invitations", __name__, abp_tags=[ADMIN]))


class InvitationPath(BaseModel):
    """The address of an invitation."""

    id: str = Field(description="Id of the invitation.", pattern="^[0-9a-f]{32}$")


class InvitationBody(BaseModel):
    """Whom to invite."""

    role: Role = Field("member", description="What they will be.")
    note: str = Field("", description="For whom it is, for the list.", max_length=200)
    days: float = Field(7, gt=0, le=365, description="Days until the link ends.")


class InvitationAnswer(BaseModel):
    """An invitation that was not used yet, without its link."""

    id: str
    role: Role
    note: str
    created: str = TimeOfDay
    expires: str = TimeOfDay


class NewInvitation(InvitationAnswer):
    """A new invitation, and its link, which is told this once."""

    path: str = Field(description="Of the page, on this appliance.", examples=["/join/3kQ…"])


@blueprint.post("/api/admin/invitations", responses={201: NewInvitation, **failures(400, *GATE, 503, 507)})
def invite(body: InvitationBody) -> tuple[Response, int]:
    """Makes a link with which one person makes an account. Only owners invite admins and owners."""
    asking = require("own" if body.role != "member" else "administer")
    made, token = appliance().accounts.invitations.create(
        body.role, note=body.note, days=body.days, by=asking
    )
    path = url_for("join.show", token=token)
    return jsonify({**invitation_answer(made).model_dump(), "path": path}), 201


@blueprint.delete(
    "/api/admin/invitations/<hex32:id>", responses={204: None, **failures(*GATE, 404, 503, 507)}
)
def revoke(path: InvitationPath) -> tuple[str, int]:
    """Ends an invitation that was not used yet."""
    appliance().accounts.invitations.revoke(path.id, by=require("administer"))
    return "", 204


def invitation_answer(invitation: Invitation) -> InvitationAnswer:
    """An invitation as JSON."""
    return InvitationAnswer(
        id=invitation.id,
        role=invitation.role,
        note=invitation.note,
        created=invitation.created,
        expires=invitation.expires,
    )
