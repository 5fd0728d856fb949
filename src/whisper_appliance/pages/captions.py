"""Captions for others: a read-only link to what somebody says just now. `audience` holds its readers."""

from flask import Response, jsonify, render_template, request, url_for
from pydantic import BaseModel, Field

from whisper_appliance.web.auth.authentication import mine, require
from whisper_appliance.web.context import appliance, parts
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import LIVE, PAGES, failures, page

blueprint = Blueprint("captions", __name__, abp_tags=[LIVE])


class SessionPath(BaseModel):
    """The address of the captions of a live session."""

    session: str = Field(description="Id of the live session.", pattern="^[0-9a-f]{32}$")


class CaptionsPath(BaseModel):
    """The address of the page of captions."""

    token: str = Field(description="Token of the link.", max_length=100)


class CaptionsAnswer(BaseModel):
    """A link that shows the words of a live session as they come."""

    token: str
    path: str = Field(description="Of the page, on this appliance.", examples=["/captions/3kQ…"])


@blueprint.post(
    "/api/live/<hex32:session>/captions", responses={200: CaptionsAnswer, **failures(401, 403, 404)}
)
def share(path: SessionPath) -> Response:
    """A read-only link to the captions of a live session; the same each time.

    For the browser that started the session, or with the session's token as `Authorization: Bearer`.
    """
    owner = require("share", mine("live session")).owner
    token = appliance().live.share(path.session, owner=owner, token=_bearer())
    return jsonify({"token": token, "path": url_for("captions.show", token=token)})


@blueprint.delete("/api/live/<hex32:session>/captions", responses={204: None, **failures(401, 403, 404)})
def unshare(path: SessionPath) -> tuple[str, int]:
    """Ends the link: whoever watches sees no more words."""
    owner = require("share", mine("live session")).owner
    token = appliance().live.unshare(path.session, owner=owner, token=_bearer())
    parts().revoke_captions(path.session, token)
    return "", 204


@blueprint.get(
    "/captions/<token>",
    tags=[PAGES],
    responses={**page("Captions of somebody who speaks now."), **failures(404)},
)
def show(path: CaptionsPath) -> str:
    """Captions of somebody who speaks now, in large type."""
    appliance().live.watch(path.token)
    return render_template("captions.html", token=path.token)


def _bearer() -> str:
    given = request.authorization
    return given.token or "" if given is not None and given.type == "bearer" else ""
