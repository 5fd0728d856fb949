"""All shares: by whom and with whom, never titles or text."""

from flask import Response, jsonify, render_template
from pydantic import Field

from whisper_appliance.admin.admin_only import ADMIN, ADMIN_ERRORS, admin_only, admin_page
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import error_responses
from whisper_appliance.web.schemas.transcript import UtcTime

blueprint = admin_only(LazyBlueprint("admin_shares", __name__, abp_tags=[ADMIN]))


class AdminSharePath(Schema):
    """The address of a share."""

    id: str = Field(description="Id of the share.", pattern=ID_REGEX)


class AdminShareResponse(Schema):
    """A share, without its link."""

    id: str
    transcript: str = Field(description="Id of the transcript.")
    by: str | None = Field(
        None, description="Name of the user who shared; null: somebody without an account."
    )
    user: str | None = Field(None, description="Name of the user it is shared with; null: a public link.")
    created: str = UtcTime
    expires: str | None = None


class AdminShareList(Schema):
    """Everything that is shared, newest first."""

    shares: list[AdminShareResponse]


@blueprint.get(
    "/admin/shares",
    responses=admin_page("Everything that is shared."),
    operation_id="admin_shares_page_admin_shares_get",
)
def shares_page() -> str:
    """Everything that is shared."""
    return render_template("admin/shares.html")


@blueprint.get("/api/admin/shares", responses={200: AdminShareList, **error_responses(*ADMIN_ERRORS, 503)})
def list_shares() -> Response:
    """Every public link and every share with a user."""
    names = {user.id: user.name for user in appliance().accounts.users.list_users()}
    shares = [
        AdminShareResponse(
            id=share.id,
            transcript=share.transcript_id,
            by=names.get(share.created_by),
            user=share.user_name,
            created=share.created,
            expires=share.expires,
        )
        for share in appliance().shares.list_all()
    ]
    return jsonify(AdminShareList(shares=shares).model_dump())


@blueprint.delete(
    "/api/admin/shares/<hex32:id>",
    responses={204: None, **error_responses(*ADMIN_ERRORS, 404, 503, 507)},
    operation_id="admin_shares_revoke_api_admin_shares__hex32_id__delete",
)
def revoke_share(path: AdminSharePath) -> tuple[str, int]:
    """Ends a share of anybody's."""
    ended = appliance().shares.revoke(path.id)
    record("share.revoke", ended.transcript_id, share=ended.id, user=ended.user_name)
    return "", 204
