"""Everything that is shared, by whom and with whom: never what it says, nor what it is called."""

from flask import Response, jsonify, render_template
from pydantic import BaseModel, Field

from whisper_appliance.admin.admin_only import ADMIN, GATE, admin_page, gated
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import failures
from whisper_appliance.web.schemas.transcript import TimeOfDay

blueprint = gated(Blueprint("admin_shares", __name__, abp_tags=[ADMIN]))


class AdminSharePath(BaseModel):
    """The address of a share."""

    id: str = Field(description="Id of the share.", pattern="^[0-9a-f]{32}$")


class AdminShareAnswer(BaseModel):
    """A share, without its link."""

    id: str
    transcript: str = Field(description="Id of the transcript.")
    by: str | None = Field(
        None, description="Name of the user who shared; null: somebody without an account."
    )
    user: str | None = Field(None, description="Name of the user it is shared with; null: a public link.")
    created: str = TimeOfDay
    expires: str | None = None


class AdminShareList(BaseModel):
    """Everything that is shared, newest first."""

    shares: list[AdminShareAnswer]


@blueprint.get("/admin/shares", responses=admin_page("Everything that is shared."))
def page() -> str:
    """Everything that is shared."""
    return render_template("admin/shares.html")


@blueprint.get("/api/admin/shares", responses={200: AdminShareList, **failures(*GATE, 503)})
def list_shares() -> Response:
    """Every public link and every share with a user."""
    names = {user.id: user.name for user in appliance().accounts.users.list()}
    shares = [
        AdminShareAnswer(
            id=share.id,
            transcript=share.transcript_id,
            by=names.get(share.created_by),
            user=share.user_name,
            created=share.created,
            expires=share.expires,
        )
        for share in appliance().shares.all()
    ]
    return jsonify(AdminShareList(shares=shares).model_dump())


@blueprint.delete("/api/admin/shares/<hex32:id>", responses={204: None, **failures(*GATE, 404, 503, 507)})
def revoke(path: AdminSharePath) -> tuple[str, int]:
    """Ends a share of anybody's."""
    ended = appliance().shares.revoke(path.id)
    record("share.revoke", ended.transcript_id, share=ended.id, user=ended.user_name)
    return "", 204
