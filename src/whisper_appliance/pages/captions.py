"""Shared live captions: a read-only link to the captions of a live session, and its page."""

from flask import Response, jsonify, render_template, request, url_for
from pydantic import Field

from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.pages.own_address import network_origin
from whisper_appliance.pages.qr_code import qr_svg
from whisper_appliance.web.auth.authentication import own_resource, require
from whisper_appliance.web.context import appliance, web_context
from whisper_appliance.web.i18n import translate
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import LIVE, PAGES, error_responses, page_response

blueprint = LazyBlueprint("captions", __name__, abp_tags=[LIVE])


class SessionPath(Schema):
    """The address of the captions of a live session."""

    session: str = Field(description="Id of the live session.", pattern=ID_REGEX)


class CaptionsPath(Schema):
    """The address of the page of captions."""

    token: str = Field(description="Token of the link.", max_length=100)


class CaptionsLinkResponse(Schema):
    """A link that shows the words of a live session as they come."""

    token: str
    path: str = Field(description="Of the page, on this appliance.", examples=["/captions/3kQ…"])
    url: str = Field(description="Of the page, as other devices of the network reach it.")


@blueprint.post(
    "/api/live/<hex32:session>/captions",
    responses={200: CaptionsLinkResponse, **error_responses(401, 403, 404)},
    operation_id="captions_share_api_live__hex32_session__captions_post",
)
def create_captions_link(path: SessionPath) -> Response:
    """A read-only link to the captions of a live session; the same each time.

    For the browser that started the session, or with the session's token as `Authorization: Bearer`.
    """
    owner = require("share", own_resource("live session")).owner
    token = appliance().live.sharing.share(path.session, owner=owner, token=_bearer())
    path_of_page = url_for("captions.captions_page", token=token)
    return jsonify({"token": token, "path": path_of_page, "url": _url(token)})


@blueprint.delete(
    "/api/live/<hex32:session>/captions",
    responses={204: None, **error_responses(401, 403, 404)},
    operation_id="captions_unshare_api_live__hex32_session__captions_delete",
)
def delete_captions_link(path: SessionPath) -> tuple[str, int]:
    """Ends the link: its viewers get no more words."""
    owner = require("share", own_resource("live session")).owner
    token = appliance().live.sharing.unshare(path.session, owner=owner, token=_bearer())
    web_context().revoke_captions(path.session, token)
    return "", 204


@blueprint.get(
    "/captions/<token>",
    tags=[PAGES],
    responses={**page_response("Captions of somebody who speaks now."), **error_responses(404)},
    operation_id="captions_show_captions__token__get",
)
def captions_page(path: CaptionsPath) -> str:
    """Captions of somebody who speaks now, in large type."""
    appliance().live.sharing.viewer_state(path.token)
    return render_template("captions.html", token=path.token)


@blueprint.get(
    "/captions/<token>/qr.svg",
    responses={
        200: {"description": "The picture.", "content": {"image/svg+xml": {"schema": {"type": "string"}}}},
        **error_responses(404),
    },
    operation_id="captions_code_captions__token__qr_svg_get",
)
def captions_code(path: CaptionsPath) -> Response:
    """A QR code of the address of the captions, for the phones of a room."""
    appliance().live.sharing.viewer_state(path.token)
    address = _url(path.token)
    code = qr_svg(address, translate("QR code of {address}", address=address), standalone=True)
    return Response(code, mimetype="image/svg+xml")


def _url(token: str) -> str:
    path = url_for("captions.captions_page", token=token).removeprefix(request.script_root)
    return network_origin() + path


def _bearer() -> str:
    given = request.authorization
    return given.token or "" if given is not None and given.type == "bearer" else ""
