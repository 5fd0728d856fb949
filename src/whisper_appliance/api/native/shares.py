"""Shares: with whom a transcript is shared (by its owner), and what was shared with the actor."""

from datetime import UTC, datetime, timedelta

from flask import Response, jsonify, url_for
from pydantic import Field

from whisper_appliance.accounts.access import ShareRole
from whisper_appliance.api.native.transcripts import TranscriptPath, received_response
from whisper_appliance.core.errors import Conflict, InvalidRequest, NotFound, SignInRequired
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.listing import MAX_PAGE_SIZE, ListFilter, ListRange
from whisper_appliance.library.shares import Share
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.audit import record
from whisper_appliance.web.auth.authentication import current_actor, require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses
from whisper_appliance.web.schemas.transcript import TranscriptSummaryResponse, UtcTime

blueprint = LazyBlueprint("sharing", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])

MAX_DAYS = 3660.0


class SharePath(TranscriptPath):
    """The address of a share."""

    share: str = Field(description="Id of the share.", pattern=ID_REGEX)


class ShareBody(Schema):
    """With whom to share: a user, or everybody who has the link."""

    user: str | None = Field(
        None, description="Name of a user; null makes a public link.", max_length=200, examples=["Ada"]
    )
    days: float | None = Field(
        None, gt=0, le=MAX_DAYS, description="Days until a link ends; null: until it is revoked."
    )
    audio: bool = Field(False, description="Whether a link includes the recording, where it is kept.")
    role: ShareRole | None = Field(
        None,
        description="What a user may do: a commenter also writes notes, an editor also edits text and title. "
        "Null: as before, or `reader`.",
    )


class ShareResponse(Schema):
    """One share: with a user, or a link."""

    id: str
    user: str | None = Field(None, description="Name of the user.")
    path: str | None = Field(None, description="Of the public page, on this appliance.")
    created: str = UtcTime
    expires: str | None = None
    audio: bool = Field(False, description="Whether a link includes the recording.")
    role: ShareRole = Field("reader", description="What a user may do.")


class ShareList(Schema):
    """Whom a transcript is shared with."""

    shares: list[ShareResponse]


class ReceivedTranscriptResponse(TranscriptSummaryResponse):
    """A transcript that somebody shared."""

    shared: str | None = Field(description="When it was. Null: a folder that it is in is shared.")


class ReceivedList(Schema):
    """The transcripts that are shared with the caller, newest first."""

    transcripts: list[ReceivedTranscriptResponse]


@blueprint.get("/<hex32:id>/shares", responses={200: ShareList, **error_responses(401, 403, 404, 503)})
def list_shares(path: TranscriptPath) -> Response:
    """Whom a transcript is shared with."""
    resources.authorized_transcript(path.id, "share")
    return jsonify(
        {"shares": [share_response(share) for share in appliance().shares.for_transcript(path.id)]}
    )


@blueprint.post(
    "/<hex32:id>/shares",
    responses={201: ShareResponse, **error_responses(400, 401, 403, 404, 409, 503, 507)},
    operation_id="sharing_share__hex32_id__shares_post",
)
def create_share(path: TranscriptPath, body: ShareBody) -> tuple[Response, int]:
    """Shares a transcript with a user, who may read, comment on or edit it, or by a link for everybody.

    For a user with whom it is shared already, this changes the role.
    """
    actor = current_actor()
    resources.authorized_transcript(path.id, "share")
    if body.user is None:
        if body.role not in (None, "reader"):
            raise InvalidRequest("Links are for reading. Name a user who is to do more.", field="role")
        expires = datetime.now(UTC) + timedelta(days=body.days) if body.days else None
        made = appliance().shares.create_link(path.id, by=actor.owner, expires=expires, audio=body.audio)
        record("share.link", path.id, share=made.id, expires=made.expires, audio=made.audio)
        return jsonify(share_response(made)), 201
    if actor.user is None:
        raise SignInRequired("Sign in to share with other users. A link can be made without an account.")
    if body.days is not None:
        raise InvalidRequest("Only links expire. Leave the days out.", field="days")
    made = appliance().shares.share_with(path.id, body.user, by=actor.owner, role=body.role)
    record("share.user", path.id, share=made.id, user=made.user_name, role=made.role)
    return jsonify(share_response(made)), 201


@blueprint.delete(
    "/<hex32:id>/shares/<hex32:share>",
    responses={204: None, **error_responses(401, 403, 404, 503, 507)},
    operation_id="sharing_revoke__hex32_id__shares__hex32_share__delete",
)
def revoke_share(path: SharePath) -> tuple[str, int]:
    """Ends a share: its user reads no more, its link leads nowhere."""
    resources.authorized_transcript(path.id, "share")
    ended = appliance().shares.revoke(path.share, path.id)
    record("share.revoke", path.id, share=ended.id, user=ended.user_name)
    return "", 204


@blueprint.get(
    "/shared",
    responses={200: ReceivedList, **error_responses(401, 403, 503)},
    operation_id="sharing_received_shared_get",
)
def list_received() -> Response:
    """The newest 200 transcripts that others shared; `GET /api/transcripts?shared=only` lists all."""
    actor = require("read")
    if actor.user is None:
        return jsonify({"transcripts": []})
    found = appliance().listing.find(
        actor.user.id, ListFilter(shared="only"), part=ListRange(limit=MAX_PAGE_SIZE)
    )
    since = {share.transcript_id: share.created for share in appliance().shares.received_by(actor.user.id)}
    rows = [
        {**received_response(each.summary), "shared": since.get(each.summary.id)}
        for each in found.transcripts
    ]
    return jsonify({"transcripts": rows})


@blueprint.delete(
    "/shared/<hex32:id>",
    responses={204: None, **error_responses(401, 403, 404, 409, 503, 507)},
    operation_id="sharing_give_up_shared__hex32_id__delete",
)
def leave_share(path: TranscriptPath) -> tuple[str, int]:
    """Takes a transcript off the list of those shared with the caller."""
    actor = require("read")
    if actor.user is None:
        raise SignInRequired("Sign in to do this.")
    if not appliance().shares.leave(path.id, actor.user.id):
        if resources.share_role(appliance().transcripts.metadata(path.id)) is None:
            raise NotFound("There is no such transcript.")
        raise Conflict("It is in a folder that is shared with you. Leave the folder instead.")
    record("share.give_up", path.id)
    return "", 204


def share_response(share: Share) -> dict[str, object]:
    """A share as JSON."""
    return ShareResponse(
        id=share.id,
        user=share.user_name,
        path=url_for("shared.shared_page", token=share.token) if share.token else None,
        created=share.created,
        expires=share.expires,
        audio=share.audio,
        role=share.role,
    ).model_dump()
