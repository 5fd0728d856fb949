"""Shares of folders: with whom a folder is shared (by its owner), and leaving what somebody else shared."""

from typing import Any

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.accounts.access import ShareRole
from whisper_appliance.api.native.library import FolderPath
from whisper_appliance.core.errors import SignInRequired
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.folder_shares import FolderShare
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor, own_resource, require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses
from whisper_appliance.web.schemas.transcript import UtcTime

blueprint = LazyBlueprint("folder_shares", __name__, url_prefix="/api/library", abp_tags=[TRANSCRIPTS])


class FolderSharePath(FolderPath):
    """The address of a share."""

    share: str = Field(description="Id of the share.", pattern=ID_REGEX)


class FolderShareBody(Schema):
    """With whom to share a folder."""

    user: str = Field(description="Name of a user.", max_length=200, examples=["Ada"])
    role: ShareRole = Field("reader", description="What the user may do with everything in the folder.")


class FolderShareResponse(Schema):
    """One share of a folder."""

    id: str
    user: str = Field(description="Name of the user.")
    role: ShareRole
    created: str = UtcTime


class FolderShareList(Schema):
    """Whom a folder is shared with."""

    shares: list[FolderShareResponse]


@blueprint.get(
    "/folders/<hex32:id>/shares",
    responses={200: FolderShareList, **error_responses(401, 403, 404, 503)},
    operation_id="folder_shares_list__hex32_id__shares_get",
)
def list_folder_shares(path: FolderPath) -> Response:
    """Whom a folder is shared with."""
    found = appliance().folder_shares.for_folder(_own(), path.id)
    return jsonify({"shares": [_response(share) for share in found]})


@blueprint.post(
    "/folders/<hex32:id>/shares",
    responses={201: FolderShareResponse, **error_responses(400, 401, 403, 404, 409, 503, 507)},
    operation_id="folder_shares_share__hex32_id__shares_post",
)
def share_folder(path: FolderPath, body: FolderShareBody) -> tuple[Response, int]:
    """Shares everything in a folder with a user, and what comes later. Doing it again changes the role."""
    owner, shares = _own(), appliance().folder_shares
    shares.for_folder(owner, path.id)
    if current_actor().user is None:
        raise SignInRequired("Sign in to share with other users. A link can be made without an account.")
    made = shares.share_with(owner, path.id, body.user, role=body.role)
    record("share.folder", path.id, share=made.id, user=made.user_name, role=made.role)
    return jsonify(_response(made)), 201


@blueprint.delete(
    "/folders/<hex32:id>/shares/<hex32:share>",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="folder_shares_revoke__hex32_id__shares__hex32_share__delete",
)
def revoke_folder_share(path: FolderSharePath) -> tuple[str, int]:
    """Ends a share: its user reads nothing in the folder any more."""
    ended = appliance().folder_shares.revoke(_own(), path.id, path.share)
    record("share.revoke", path.id, share=ended.id, user=ended.user_name)
    return "", 204


@blueprint.delete(
    "/shared-folders/<hex32:id>",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="folder_shares_leave_shared_folders__hex32_id__delete",
)
def leave_folder(path: FolderPath) -> tuple[str, int]:
    """Takes a folder off the list of those shared with the caller."""
    actor = require("read")
    if actor.user is None:
        raise SignInRequired("Sign in to do this.")
    appliance().folder_shares.leave(path.id, actor.user.id)
    record("share.give_up", path.id)
    return "", 204


def _own() -> str:
    """The caller, who may share what is the caller's own."""
    return require("share", own_resource("transcript")).owner


def _response(share: FolderShare) -> dict[str, Any]:
    return FolderShareResponse(
        id=share.id, user=share.user_name, role=share.role, created=share.created
    ).model_dump()
