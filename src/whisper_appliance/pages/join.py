"""Invitations: the page of an invitation, and the account made with it."""

from flask import Response, render_template
from pydantic import Field

from whisper_appliance.core.schema import Schema
from whisper_appliance.pages.sign_in import SessionResponse, client_address, signed_in_response, user_agent
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, SIGN_IN, error_responses, page_response

blueprint = LazyBlueprint("join", __name__, abp_tags=[SIGN_IN])


class JoinPath(Schema):
    """The address of an invitation."""

    token: str = Field(description="Token of the invitation.", max_length=100)


class AcceptInvitationBody(Schema):
    """The new account."""

    token: str = Field(description="Token of the invitation.", max_length=100)
    name: str = Field(description="Name of the account.", max_length=200)
    password: str = Field(description="Its password, of 12 characters or more.", max_length=1000)


@blueprint.get(
    "/join/<token>",
    tags=[PAGES],
    responses={**page_response("An invitation."), **error_responses(404, 503)},
    operation_id="join_show_join__token__get",
)
def join_page(path: JoinPath) -> str:
    """Where somebody who was invited makes their account."""
    invitation = appliance().accounts.invitations.peek(path.token)
    return render_template("join.html", token=path.token, invitation=invitation)


@blueprint.post(
    "/api/join",
    responses={200: SessionResponse, **error_responses(400, 403, 404, 409, 429, 503, 507)},
    operation_id="join_accept_api_join_post",
)
def accept_invitation(body: AcceptInvitationBody) -> Response:
    """Makes the account of an invitation, which is used up, and signs it in."""
    accounts = appliance().accounts
    appliance().single_sign_on.check_new_name(body.name, by=accounts.invitations.peek(body.token).role)
    user = accounts.invitations.accept(body.token, body.name, body.password)
    return signed_in_response(accounts.begin_session(user, address=client_address(), agent=user_agent()))
